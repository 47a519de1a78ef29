import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Folders of runs: each run has one of its own, which only this server's user can read. */

/** A folder's name says which process made it: `gatehouse-codegen-<machine>-<pid>-<random>`. */
const PREFIX = 'gatehouse-codegen-';
const MACHINE = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const NAME = /^gatehouse-codegen-([0-9a-f]{8})-([0-9]+)-/;

/** No run takes as long. */
const OLD_MS = 60 * 60 * 1000;

/** Folders of this process. */
const inUse = new Set<string>();

export interface RunFolder {
  /** Absolute, without symbolic links. */
  path: string;
  /** Where a tool writes its files, empty at first. */
  output: string;
  remove(): Promise<void>;
}

export async function makeFolder(): Promise<RunFolder> {
  const parent = await realpath(tmpdir());
  const path = await mkdtemp(join(parent, `${PREFIX}${MACHINE}-${process.pid}-`));
  inUse.add(basename(path));
  await chmod(path, 0o700);
  const output = join(path, 'out');
  await mkdir(output);
  return {
    path,
    output,
    async remove() {
      await removeTree(path);
      inUse.delete(basename(path));
    },
  };
}

/** A tool may leave folders that cannot be listed; those stay until the machine clears its temporary files. */
const removeTree = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined);

/** Removes the folders that servers have left that were killed: of this user, and of no process that runs. */
export async function removeLeftovers(): Promise<void> {
  const parent = tmpdir();
  const names = (await readdir(parent).catch(() => [])).filter((name) => NAME.test(name));
  for (const name of names) {
    const path = join(parent, name);
    const found = await lstat(path).catch(() => undefined);
    if (!found?.isDirectory() || found.uid !== process.getuid?.()) continue;
    if (isLeft(name) || Date.now() - found.mtimeMs > OLD_MS) await removeTree(path);
  }
}

/** Whether the process that made a folder has ended. A process of another machine, or container, cannot be looked for. */
function isLeft(name: string): boolean {
  const [, machine, pid] = NAME.exec(name) ?? [];
  if (machine !== MACHINE) return false;
  return Number(pid) === process.pid ? !inUse.has(name) : !isRunning(Number(pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
