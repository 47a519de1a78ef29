import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';

/** Linux has memory as a folder. A database is copied there in a tenth of the time: hundreds of files, and no journal. */
const MEMORY = '/dev/shm';
const NAME = 'gatehouse-tests-';
/** A run holds half a gigabyte at a time. */
const FREE_BYTES = 2 * 2 ** 30;
const MEMORY_BYTES = 8 * 2 ** 30;

const hasRoom = (): boolean => {
  const { bavail, bsize } = statfsSync(MEMORY);
  return (
    bavail * bsize >= FREE_BYTES &&
    Math.min(totalmem(), process.constrainedMemory() || Infinity) >= MEMORY_BYTES
  );
};

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'; // it may be somebody else's
  }
};

/** Removes what runs have left that were killed. */
function sweep(): void {
  for (const folder of readdirSync(MEMORY))
    if (folder.startsWith(NAME) && !isRunning(Number(folder.slice(NAME.length).split('-')[0])))
      rmSync(join(MEMORY, folder), { recursive: true, force: true });
}

/**
 * Puts the temporary files of a run into memory, where the machine has the room and TMPDIR does not say where they go.
 * @returns what removes them.
 */
export function filesInMemory(): () => void {
  if (process.env['TMPDIR'] !== undefined || !existsSync(MEMORY) || !hasRoom()) return () => undefined;
  sweep();
  const folder = mkdtempSync(join(MEMORY, `${NAME}${process.pid}-`));
  chmodSync(folder, 0o755); // PostgreSQL runs under an account of its own where the tests run as root
  process.env['TMPDIR'] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
