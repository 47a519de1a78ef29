import pLimit from 'p-limit';
import { openPasswords } from '../src/users/index.js';

/** What checking a password costs and nothing else: so many in a second, as many at a time as the configuration has it. */
const AMOUNT = Number(process.env['AMOUNT']);
const CONCURRENCY = 2;
const passwords = openPasswords({
  memoryKiB: 19_456,
  iterations: 2,
  parallelism: 1,
  concurrency: CONCURRENCY,
  queue: AMOUNT,
});
const hash = await passwords.hash('a password of the bench');
const limit = pLimit(CONCURRENCY);
const check = (): Promise<boolean> => limit(() => passwords.verify(hash, 'a password of the bench'));
await Promise.all(Array.from({ length: 20 }, check));
const started = performance.now();
await Promise.all(Array.from({ length: AMOUNT }, check));
console.log((AMOUNT / (performance.now() - started)) * 1000);
