import { chmodSync, statSync } from 'node:fs';

const OTHERS = 0o077;

/**
 * Takes the rights of all but the owner from a file, which a restored backup may have given them. Where the system does not let
 * this process do that, or has no such rights, the file stays as it is.
 */
export function ownerOnly(file: string): void {
  if (process.platform === 'win32') return;
  try {
    const { mode } = statSync(file);
    if ((mode & OTHERS) !== 0) chmodSync(file, mode & 0o700);
  } catch {
    // it is not there, is another user's, or lies on a disk that takes no writes
  }
}
