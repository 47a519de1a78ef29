import { hash, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';
import { hashesAtOnce } from '../src/users/passwords.js';

/** What checking a password costs and nothing else: so many in a second, as many at a time as a server does. */
const AMOUNT = Number(process.env['AMOUNT']);
const stored = await hash('a password of the bench', {
  algorithm: 2,
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
});
const limit = pLimit(hashesAtOnce());
const check = (): Promise<boolean> => limit(() => verify(stored, 'a password of the bench'));
await Promise.all(Array.from({ length: 20 }, check));
const started = performance.now();
await Promise.all(Array.from({ length: AMOUNT }, check));
console.log((AMOUNT / (performance.now() - started)) * 1000);
