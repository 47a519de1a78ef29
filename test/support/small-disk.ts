import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'mocha';
import { skipByName } from './needs.js';

/** A disk of its own, which a test may fill. */
export interface SmallDisk {
  folder: string;
  /** Leaves no byte free. */
  fill(): void;
  /** Frees some of it. */
  free(): void;
  close(): void;
}

const PIECES = [1024 * 1024, 64 * 1024, 4096, 1];

/** A file system in memory; the test is skipped where it may not be mounted. */
export function smallDisk(test: Context, megabytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-disk-'));
  // PostgreSQL runs under an account of its own where the tests run as root.
  const options = `size=${megabytes}m,mode=755`;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'gatehouse-test', folder], { stdio: 'ignore' });
  } catch {
    rmdirSync(folder);
    skipByName(test, 'run it as root on Linux, where a tmpfs can be mounted');
  }
  const ballast = join(folder, 'ballast');
  const unmount = (): void => {
    execFileSync('umount', ['--lazy', folder]);
    rmdirSync(folder);
  };
  process.once('exit', unmount);
  return {
    folder,
    fill() {
      const file = openSync(ballast, 'a');
      for (const size of PIECES) {
        const piece = Buffer.alloc(size);
        try {
          for (;;) if (writeSync(file, piece) < size) break;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
      closeSync(file);
    },
    free: () => rmSync(ballast, { force: true }),
    close() {
      process.off('exit', unmount);
      unmount();
    },
  };
}
