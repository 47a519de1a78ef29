import { Worker } from 'node:worker_threads';
import { threadUrl } from '../../../kernel/thread-url.js';
import { GitProblem } from './problem.js';
import type { Repository, RepositoryOptions } from './repository.js';
import type { ThreadAnswer, ThreadOrder } from './thread.js';

export { GitProblem } from './problem.js';
export type { CommitOrder, Folders } from './repository.js';

const THREAD = threadUrl('thread', import.meta.url);
const HEAP_MEGABYTES = 512;
const TIMEOUT_MS = 60_000;
const LARGEST = 200 * 1024 * 1024;
/** For one order to the thread, which may be several requests and the work on a large pack. */
const ORDER_MS = 300_000;

/** A branch of a remote repository in a thread of its own, so that a large one keeps nobody waiting. */
export interface OpenRepository {
  clone(noted?: string): ReturnType<Repository['clone']>;
  write(...order: Parameters<Repository['write']>): ReturnType<Repository['write']>;
  push(): ReturnType<Repository['push']>;
  /** Ends the thread, and all that it does. */
  close(): Promise<void>;
}

export type RepositoryAddress = Omit<RepositoryOptions, 'timeout' | 'largest'> &
  Partial<Pick<RepositoryOptions, 'timeout' | 'largest'>>;

/** Opens a repository. Its calls fail with GitProblem, and with the signal's reason once it is aborted. */
export function openRepository(address: RepositoryAddress, signal: AbortSignal): OpenRepository {
  const workerData: RepositoryOptions = { timeout: TIMEOUT_MS, largest: LARGEST, ...address };
  const resourceLimits = { maxOldGenerationSizeMb: HEAP_MEGABYTES };
  const worker = new Worker(THREAD, { workerData, resourceLimits, env: {} });
  let fail: ((error: Error) => void) | undefined;
  let ended: Error | undefined;
  const end = (error: unknown): void => {
    ended ??= error instanceof Error ? error : new Error('the work on a repository was aborted');
    fail?.(ended);
    void worker.terminate();
  };
  const abort = (): void => end(signal.reason);
  worker.once('error', (error: Error & { code?: string }) =>
    end(
      error.code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? new GitProblem('tooLarge', 'the repository is too large for this server; use a smaller one')
        : error,
    ),
  );
  worker.once('exit', () => end(new Error('the thread of a repository ended')));
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();

  const ask = <T>(order: ThreadOrder): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      const timer = setTimeout(
        () => end(new GitProblem('timeout', 'the work on the repository takes too long; try again')),
        ORDER_MS,
      );
      fail = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      worker.once('message', (answer: ThreadAnswer) => {
        clearTimeout(timer);
        if ('done' in answer) resolve(answer.done as T);
        else if ('problem' in answer) reject(new GitProblem(answer.problem.kind, answer.problem.message));
        else reject(new Error(`Git failed: ${answer.failed}`));
      });
      worker.postMessage(order);
    });

  return {
    clone: (noted) => ask({ name: 'clone', args: noted === undefined ? [] : [noted] }),
    write: (order) => ask({ name: 'write', args: [order] }),
    push: () => ask({ name: 'push', args: [] }),
    async close() {
      signal.removeEventListener('abort', abort);
      await worker.terminate();
    },
  };
}
