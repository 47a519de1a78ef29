import { availableParallelism } from 'node:os';
import { hash, verify, type Options } from '@node-rs/argon2';
import pLimit from 'p-limit';
import type { Config } from '../config.js';
import { Busy, Invalid } from '../kernel/errors.js';
import { isBreached } from './breaches.js';
import { isCommon } from './common-passwords.js';
import { matchesForeign } from './foreign-hashes.js';

export const SHORTEST = 8;
export const LONGEST = 128;
const RETRY_AFTER_SECONDS = 2;
const OUR_KIND = '$argon2id$';
const ARGON2ID = 2; // the package exports its names as an ambient const enum, which single-file compilers can not read

export type Weakness = 'length' | 'common' | 'leaked' | 'personal';

const WEAKNESSES: Record<Weakness, string> = {
  length: `must be ${SHORTEST} to ${LONGEST} characters`,
  common: 'is one that very many people have; choose another',
  leaked: 'is known from a leak elsewhere; choose another',
  personal: 'must not be your name, number or address',
};

/** A password that is not good enough to be taken. */
export class WeakPassword extends Invalid {
  constructor(readonly weakness: Weakness) {
    super('password', WEAKNESSES[weakness]);
  }
}

export interface Passwords {
  /** Argon2id as a PHC string. @throws Invalid, Busy */
  hash(password: string): Promise<string>;
  /** The same for a password that somebody has had for long, however short it is. @throws Busy */
  rehash(password: string): Promise<string>;
  /** Whether it is the one. A missing hash takes as long as a wrong password. @throws Busy */
  verify(stored: string | null, password: string): Promise<boolean>;
  /** Whether the stored hash is weaker than what is configured now. */
  outdated(stored: string): boolean;
}

/** The parameters of a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$…`. */
function parameters(stored: string): { m: number; t: number; p: number } | undefined {
  const found = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(stored);
  return found ? { m: Number(found[1]), t: Number(found[2]), p: Number(found[3]) } : undefined;
}

/** Of libuv's four threads; files need one as well. */
const MOST_AT_ONCE = 3;

/** One core is left to everything else. */
export const hashesAtOnce = (): number => Math.max(1, Math.min(MOST_AT_ONCE, availableParallelism() - 1));

/**
 * Hashing runs on libuv's threads, a few at a time; so many may wait, the next is told to come back (Busy), so that a
 * flood of sign-ins costs bounded memory and leaves the event loop to everybody else.
 */
export function openPasswords({
  memoryKiB,
  iterations,
  parallelism,
  concurrency = hashesAtOnce(),
  queue,
  breachCheckUrl,
}: Config['passwords']): Passwords {
  const options: Options = { algorithm: ARGON2ID, memoryCost: memoryKiB, timeCost: iterations, parallelism };
  const limit = pLimit(concurrency);
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= queue)
      throw new Busy('password', 'too many sign-ins at once', RETRY_AFTER_SECONDS);
    return limit(work);
  };
  // Made beforehand: the first unknown name must not take longer than the next.
  const nobody = hash('nobody has this password', options);
  return {
    async hash(password) {
      const length = [...password].length;
      if (length < SHORTEST || length > LONGEST) throw new WeakPassword('length');
      if (await isCommon(password)) throw new WeakPassword('common');
      if (breachCheckUrl !== undefined && (await isBreached(breachCheckUrl, password)))
        throw new WeakPassword('leaked');
      return inTurn(() => hash(password, options));
    },
    rehash: (password) => inTurn(() => hash(password, options)),
    async verify(stored, password) {
      const ours = stored?.startsWith(OUR_KIND) ?? false;
      const against = ours && stored ? stored : await nobody;
      // A hash of another system is often a quick one: it takes as long as ours, so that its user is not told from nobody.
      const [matches, matchesForeignHash] = await inTurn(() =>
        Promise.all([
          verify(against, password),
          stored === null || ours ? false : matchesForeign(stored, password),
        ]),
      );
      return ours ? matches : matchesForeignHash;
    },
    outdated(stored) {
      const used = parameters(stored);
      return !used || used.m < memoryKiB || used.t < iterations || used.p < parallelism;
    },
  };
}
