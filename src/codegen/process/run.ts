import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { isAbsolute } from 'node:path';
import { childEntry } from '../../kernel/child-entry.js';
import { packageRoot } from '../../kernel/root.js';
import type { Following } from '../types.js';
import type { Command } from './command.js';
import { ToolFailed } from './failed.js';
import type { RunFolder } from './folder.js';
import type { Limits } from './limits.js';
import { LineReader } from './lines.js';
import { isTooLarge, tooMuch } from './output.js';

const SUPERVISOR = childEntry('supervisor', import.meta.url);
/** How often the size of the output is looked at while the tool runs. */
const LOOK_AT_OUTPUT_MS = 250;
/** How long what was written is waited for after the end: a process that left the group could keep the streams open. */
const STREAMS_END_MS = 1000;
/** The line that says why a program of Node or Java ended; other lines follow it. */
const CAUSE = /^(?:\w*Error|Exception)\b/;
const OUT_OF_MEMORY = [128 + constants.signals.SIGABRT, 128 + constants.signals.SIGKILL];

/**
 * A tool in a process group of its own, started ahead of its order. It is used once. It has no environment but what its command
 * gives it, and it ends with the server.
 */
export class Tool {
  readonly #child: ChildProcess;
  readonly #closed: Promise<number>;
  readonly #lines: LineReader;
  readonly #name: string;
  #line: ((text: string) => void) | undefined;
  hasEnded = false;

  constructor(
    readonly folder: RunFolder,
    { command, args, environment = {}, name = 'the generator' }: Command,
    readonly limits: Limits,
  ) {
    const supervised = [...SUPERVISOR.loader, '--max-old-space-size=32', SUPERVISOR.file, command, ...args];
    this.#name = name;
    this.#child = spawn(process.execPath, supervised, {
      cwd: folder.path,
      env: environment,
      detached: true,
      shell: false,
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    });
    const paths = [folder.path, packageRoot, process.execPath, command, ...args].filter(isAbsolute);
    this.#lines = new LineReader(
      paths.toSorted((one, other) => other.length - one.length),
      (text) => this.#line?.(text),
    );
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      const { write, end } = this.#lines.reader();
      stream?.on('data', write).on('end', end);
    }
    this.#child.stdin?.on('error', () => undefined); // it ended before it read its order
    this.#closed = this.#whenClosed();
    this.#keepsProcess(false);
  }

  /**
   * Sends the order, and waits for the end.
   * @throws ToolFailed, and the signal's reason where it is aborted. Nothing of it runs any more in any case.
   */
  async run(
    order: unknown,
    { signal, line, milliseconds = this.limits.milliseconds }: Following = {},
  ): Promise<void> {
    this.#line = line;
    this.#keepsProcess(true);
    const ends = new AbortController();
    const failure = new Promise<never>((_, fail) => {
      signal?.addEventListener('abort', () => fail(signal.reason as Error), { signal: ends.signal });
      this.#watch(ends.signal, milliseconds, fail);
    });
    try {
      signal?.throwIfAborted();
      this.#child.stdin?.end(JSON.stringify(order ?? null));
      const code = await Promise.race([this.#closed, failure]);
      if (code !== 0) throw this.#failed(code);
    } finally {
      ends.abort();
      await this.kill();
    }
  }

  /** Ends it with all that it has started. */
  async kill(): Promise<void> {
    if (this.hasEnded) return;
    this.#keepsProcess(true);
    this.#endGroup();
    await this.#closed;
  }

  #endGroup(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // the whole group has ended
    }
  }

  /** Fails where it takes too long, or writes too much. */
  #watch(until: AbortSignal, milliseconds: number, fail: (error: Error) => void): void {
    const timer = setTimeout(() => {
      fail(new ToolFailed(`${this.#name} did not end within ${milliseconds / 1000} s`, this.#lines.last));
    }, milliseconds);
    const look = setInterval(() => {
      void isTooLarge(this.folder.output, this.limits).then((is) => is && fail(tooMuch(this.limits)));
    }, LOOK_AT_OUTPUT_MS);
    until.addEventListener('abort', () => {
      clearTimeout(timer);
      clearInterval(look);
    });
  }

  #failed(code: number): ToolFailed {
    const { heapMegabytes } = this.limits;
    if (OUT_OF_MEMORY.includes(code))
      return new ToolFailed(`${this.#name} needs more than ${heapMegabytes} MiB of memory`, this.#lines.last);
    const lines = this.#lines.last;
    const cause = lines.findLast((line) => CAUSE.test(line)) ?? lines.at(-1);
    return new ToolFailed(`${this.#name} failed${cause === undefined ? '' : `: ${cause}`}`, lines);
  }

  #whenClosed(): Promise<number> {
    const child = this.#child;
    return new Promise((done) => {
      const end = (code: number | null): void => {
        this.hasEnded = true;
        done(code ?? 128 + constants.signals.SIGKILL);
      };
      child.on('error', () => end(127));
      child.on('exit', (code) => {
        this.#endGroup();
        const timer = setTimeout(() => {
          child.stdout?.destroy();
          child.stderr?.destroy();
          end(code);
        }, STREAMS_END_MS);
        child.on('close', () => {
          clearTimeout(timer);
          end(code);
        });
      });
    });
  }

  /** Whether the server waits for it when nothing else is left to do. */
  #keepsProcess(does: boolean): void {
    const { stdin, stdout, stderr, channel } = this.#child;
    for (const handle of [this.#child, channel, stdin, stdout, stderr] as (Refable | null | undefined)[])
      if (does) handle?.ref?.();
      else handle?.unref?.();
  }
}

/** A handle that can keep a process running. */
interface Refable {
  ref?(): void;
  unref?(): void;
}
