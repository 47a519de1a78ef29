import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { threadUrl } from '../../kernel/thread-url.js';

export interface ChildLimits {
  milliseconds: number;
  heapMegabytes: number;
  /** Bytes of what it answers. */
  mostOutput: number;
  signal?: AbortSignal | undefined;
}

/** Why a child gave no answer. */
export class ChildFailed extends Error {
  override name = 'ChildFailed';
  constructor(
    readonly reason: 'time' | 'output' | 'ended',
    readonly lastLines: readonly string[],
  ) {
    super(`the child process failed: ${reason}`);
  }
}

const MOST_LINES = 20;
const MOST_WORDS = 16 * 1024;

/** A module of this program as the arguments of Node; run from its sources, it gets the loader that reads TypeScript. */
function argumentsOf(module: string, here: string): string[] {
  const url = threadUrl(module, here);
  if (url.protocol === 'file:') return [fileURLToPath(url)];
  return [
    '--input-type=module',
    '--eval',
    decodeURIComponent(url.href.replace(/^data:text\/javascript,/, '')),
  ];
}

/**
 * Runs a module in a process of its own: it has an empty environment and an empty folder, reads its order from standard input, and
 * writes its answer to standard output. It is killed with its children when it takes too long, writes too much, or is aborted.
 * @param here `import.meta.url` of a file in the module's folder.
 * @throws ChildFailed; the signal's reason where it is aborted
 */
export async function runChild(
  module: string,
  here: string,
  order: string,
  { milliseconds, heapMegabytes, mostOutput, signal }: ChildLimits,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-sdk-'));
  try {
    signal?.throwIfAborted();
    const child = spawn(
      process.execPath,
      [`--max-old-space-size=${heapMegabytes}`, ...argumentsOf(module, here)],
      { cwd: folder, env: { TMPDIR: folder }, detached: true, stdio: 'pipe' },
    );
    return await new Promise((done, failed) => {
      const pieces: Buffer[] = [];
      let size = 0;
      let words = '';
      let why: ChildFailed['reason'] | 'aborted' = 'ended';
      const kill = (reason: typeof why): void => {
        why = reason;
        try {
          process.kill(-(child.pid as number), 'SIGKILL');
        } catch {
          child.kill('SIGKILL');
        }
      };
      const deadline = setTimeout(() => kill('time'), milliseconds);
      const abort = (): void => kill('aborted');
      signal?.addEventListener('abort', abort, { once: true });
      child.stdout.on('data', (piece: Buffer) => {
        size += piece.length;
        if (size > mostOutput) kill('output');
        else pieces.push(piece);
      });
      child.stderr.on('data', (piece: Buffer) => (words = (words + piece.toString()).slice(-MOST_WORDS)));
      child.stdin.on('error', () => undefined); // it has ended; `close` says so
      child.stdin.end(order);
      child.on('error', failed);
      child.on('close', (code) => {
        clearTimeout(deadline);
        signal?.removeEventListener('abort', abort);
        if (why === 'aborted') return failed(signal?.reason as Error);
        if (why === 'ended' && code === 0) return done(Buffer.concat(pieces).toString());
        failed(new ChildFailed(why, words.trim().split('\n').slice(-MOST_LINES)));
      });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
