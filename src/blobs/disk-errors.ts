import { StoreUnavailable } from '../kernel/errors.js';

/** What the system answers where files cannot be written or opened now. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk of files is full',
  EDQUOT: 'the quota of the disk of files is used up',
  EROFS: 'the disk of files takes no writes',
  EIO: 'the disk of files is broken',
  EMFILE: 'the process has too many open files',
  ENFILE: 'the machine has too many open files',
};

/** An error of a file as the rest of the program sees it: StoreUnavailable where files cannot be used now, else itself. */
export function diskError(error: unknown): unknown {
  const reason = REASONS[(error as NodeJS.ErrnoException | undefined)?.code ?? ''];
  return reason === undefined ? error : new StoreUnavailable(reason, error);
}

/** Waits for work on files. @throws StoreUnavailable, and what else the work throws */
export const onDisk = <T>(work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    throw diskError(error);
  });
