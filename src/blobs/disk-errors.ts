import { StoreUnavailable } from '../kernel/errors.js';

/** What errors of the system mean that are common. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk of files is full',
  EDQUOT: 'the quota of the disk of files is used up',
  EROFS: 'the disk of files takes no writes',
  EIO: 'the disk of files is broken',
  EMFILE: 'the process has too many open files',
  ENFILE: 'the machine has too many open files',
  ENOENT: 'the folder of files is gone',
  ENOTDIR: 'the folder of files is no folder',
  EACCES: 'this account may not use the folder of files',
  EPERM: 'this account may not use the folder of files',
  ESTALE: 'the volume of files was taken away',
};

const OF_SYSTEM = /^E[A-Z0-9]+$/;
/** Of the connection that an upload comes in on. */
const OF_CALLER: readonly string[] = ['ECONNRESET', 'ECONNABORTED', 'EPIPE'];

/**
 * An error of a file as the rest of the program sees it. No caller names a file of the disk, so that an error of the system is
 * never about what was asked: it is StoreUnavailable. Other errors stay as they are.
 */
export function diskError(error: unknown): unknown {
  const { code } = (error ?? {}) as { code?: unknown };
  if (typeof code !== 'string' || !OF_SYSTEM.test(code) || OF_CALLER.includes(code)) return error;
  return new StoreUnavailable(REASONS[code] ?? `files cannot be used (${code})`, error);
}

/** Waits for work on files. @throws StoreUnavailable, and what else the work throws */
export const onDisk = <T>(work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    throw diskError(error);
  });
