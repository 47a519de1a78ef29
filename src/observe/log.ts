import type { destination, Logger, LoggerOptions } from 'pino';
import type { Config } from '../config.js';
import { withoutFileNames } from '../kernel/capabilities.js';
import { StoreUnavailable } from '../kernel/errors.js';

export type Log = Logger;
type Destination = ReturnType<typeof destination>;

// Lines that come together are written together: a write for each costs as much as the request's own answer. What waits is
// written when the process ends, whichever way it ends by itself.
const BATCH_BYTES = 8_192;
const FLUSH_MS = 200;
/** What waits for a reader that does not keep up; further lines are lost rather than the process. */
const MOST_WAITING_BYTES = 8 * 1024 * 1024;

/**
 * The process's log: one JSON line an event on standard output; on a terminal outside production, the same for eyes.
 * Callers log ids, names and outcomes, never a request's body, query, headers or cookies.
 */
export async function openLog(config: Config): Promise<Log> {
  const { pino } = await import('pino');
  const options: LoggerOptions = {
    level: config.log.level,
    base: null,
    timestamp,
    formatters: { level: (level) => ({ level }) },
    serializers: { err: describeError },
  };
  if (config.production || !process.stdout.isTTY)
    return pino(
      options,
      flushedSoon(
        pino.destination({
          dest: 1,
          sync: false,
          minLength: BATCH_BYTES,
          maxWrite: 2 * BATCH_BYTES,
          maxLength: MOST_WAITING_BYTES,
        }),
      ),
    );
  return pino({
    ...options,
    transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname', singleLine: true } },
  });
}

/**
 * Writes what waits FLUSH_MS after the first line of it. The library's own timer writes nothing, as often, while nothing waits,
 * and goes on when the server has ended.
 */
function flushedSoon(lines: Destination): Destination {
  const write = lines.write.bind(lines);
  let waitingBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const flushSoon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      lines.flush(); // without effect while something is written; `drain` comes then
    }, FLUSH_MS).unref();
  };
  lines.on('write', (bytes: number) => (waitingBytes -= bytes));
  lines.on('drop', (line: string) => (waitingBytes -= Buffer.byteLength(line)));
  lines.on('drain', () => waitingBytes > 0 && flushSoon());
  lines.write = (line) => {
    waitingBytes += Buffer.byteLength(line);
    flushSoon();
    return write(line);
  };
  return lines;
}

let second = -1;
let untilSecond = '';

/** The time as ISO 8601. Of the lines of one second only the milliseconds differ, so that the date is written once for all. */
function timestamp(): string {
  const now = Date.now();
  const milliseconds = now % 1000;
  if (now - milliseconds !== second) {
    second = now - milliseconds;
    untilSecond = new Date(second).toISOString().slice(0, -4);
  }
  return `,"time":"${untilSecond}${String(milliseconds).padStart(3, '0')}Z"`;
}

/** The other lines of a stack are the message, which may be long. */
const isFrame = (line: string): boolean => /^\s+at /.test(line);

/** What cannot be parsed is quoted by the platform's error. */
const messageOf = (error: Error): string =>
  error instanceof SyntaxError ? 'a text cannot be parsed' : withoutFileNames(error.message.slice(0, 500));

/** The system's code, OpenSSL's or a library's: words of a program, with nothing of a request in them. */
function codeIn(error: Error): { code?: string } {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? { code } : {};
}

/** Errors of the store have no values in them (store/errors.ts); those of the file system name files. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  return {
    type: error.name,
    ...(error instanceof StoreUnavailable && { reason: error.reason }),
    ...codeIn(error),
    message: messageOf(error),
    stack: error.stack?.split('\n').filter(isFrame).slice(0, 7).join('\n'),
  };
}
