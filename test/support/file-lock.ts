import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { packageRoot } from '../../src/kernel/root.js';

/** Takes the write lock of an SQLite file, says so, and keeps it until its input ends. */
const HOLDER = `
  const file = new (require('better-sqlite3'))(process.argv[1]);
  file.exec('BEGIN IMMEDIATE');
  console.log('held');
  process.stdin.resume().on('end', () => file.exec('COMMIT'));
`;

export interface FileLock {
  /** Resolves when the other process has ended, and the lock with it. */
  release(): Promise<void>;
}

/** Another process that holds the write lock of an SQLite file. */
export async function holdFile(file: string): Promise<FileLock> {
  const child = spawn(process.execPath, ['--eval', HOLDER, file], {
    cwd: packageRoot,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const first = await Promise.race([once(child.stdout, 'data'), ended]);
  if (String(first[0]).trim() !== 'held') throw new Error('the other process has not got the lock');
  return {
    async release() {
      child.stdin.end();
      await ended;
    },
  };
}
