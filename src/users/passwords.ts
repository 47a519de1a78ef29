import { availableParallelism } from 'node:os';
import { hash, type Options } from '@node-rs/argon2';
import pLimit from 'p-limit';
import type { Config } from '../config.js';
import { Busy, Invalid } from '../kernel/errors.js';
import type { Log } from '../observe/index.js';
import { isBreached } from './breaches.js';
import { weaknessOf } from './common-passwords.js';
import { costOf, matches, usableHash, type StoredHash } from './foreign-hashes.js';
import type { ContextWord } from './password-words.js';

export const SHORTEST = 8;
export const LONGEST = 128;
const RETRY_AFTER_SECONDS = 2;
const ARGON2ID = 2; // the package exports its names as an ambient const enum, which single-file compilers can not read

export type Weakness = 'short' | 'long' | 'common' | 'leaked' | 'personal';

const WEAKNESSES: Record<Weakness, string> = {
  short: `use at least ${SHORTEST} characters`,
  long: `use at most ${LONGEST} characters`,
  common: 'is easy to guess; add another word or two that have nothing to do with each other',
  leaked: 'is known from a leak elsewhere; choose another',
  personal:
    'is easy to guess from names, numbers or addresses of the user or this service; add another word or two that have ' +
    'nothing to do with them or with each other',
};

/** A password that is not good enough to be taken. */
export class WeakPassword extends Invalid {
  constructor(readonly weakness: Weakness) {
    super('password', WEAKNESSES[weakness]);
  }
}

/** Refuses a password that programs, or people who know the person or the service, try first. @throws WeakPassword */
export async function checkGuessable(password: string, known: readonly ContextWord[]): Promise<void> {
  const weakness = await weaknessOf(password, known);
  if (weakness !== undefined) throw new WeakPassword(weakness);
}

export interface Comparison {
  /** What is compared where there is no hash, so that it takes as long; one of ours where it is left out. */
  usual?: StoredHash | undefined;
  /** Whose hash it is, for the log. */
  account?: string | undefined;
}

export interface Passwords {
  /**
   * Refuses a weak password.
   * @param known what the password must not be made of: the tenant's name, and the person's names, address and number.
   * @throws WeakPassword
   */
  check(password: string, known?: readonly ContextWord[]): Promise<void>;
  /** Checks a password, and hashes it: Argon2id as a PHC string. @throws WeakPassword, Busy */
  hash(password: string, known?: readonly ContextWord[]): Promise<string>;
  /** The same for a password that somebody has had for long, however short it is. @throws Busy */
  rehash(password: string): Promise<string>;
  /**
   * Whether it is the one. A stored hash that no password can be compared with is a wrong password, and logged.
   * @throws Busy
   */
  verify(stored: string | null, password: string, more?: Comparison): Promise<boolean>;
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

/** Hashes of other systems that take longer than this many milliseconds wait in a lane of their own. */
const DEAR_MS = 100;
const MOST_DEAR_WAITING = 16;

/** So many at once; so many may wait, and the next is told to come back. */
function lane(concurrency: number, queue: number) {
  const limit = pLimit(concurrency);
  return <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= queue)
      throw new Busy('password', 'too many sign-ins at once', RETRY_AFTER_SECONDS);
    return limit(work);
  };
}

/**
 * Hashing runs on libuv's threads, a few at a time; so many may wait, the next is told to come back (Busy), so that a
 * flood of sign-ins costs bounded memory and leaves the event loop to everybody else. A hash of another system that takes
 * long waits for its like only.
 */
export function openPasswords(
  {
    memoryKiB,
    iterations,
    parallelism,
    concurrency = hashesAtOnce(),
    queue,
    breachCheckUrl,
  }: Config['passwords'],
  log?: Pick<Log, 'warn'>,
): Passwords {
  const options: Options = { algorithm: ARGON2ID, memoryCost: memoryKiB, timeCost: iterations, parallelism };
  const inTurn = lane(concurrency, queue);
  const inDearTurn = lane(1, MOST_DEAR_WAITING);
  // Made beforehand: the first unknown name must not take longer than the next.
  const nobody = hash('nobody has this password', options).then((text) => usableHash(text) as StoredHash);

  function isOurs(stored: StoredHash): boolean {
    if (stored.algorithm !== 'argon2' || stored.variant !== 'id') return false;
    return stored.memoryKiB <= memoryKiB && stored.passes <= iterations;
  }

  function compare(stored: StoredHash, password: string): Promise<boolean> {
    if (isOurs(stored)) return inTurn(() => matches(stored, password));
    if (costOf(stored) > DEAR_MS) return inDearTurn(() => matches(stored, password));
    // It is often a quick one: it takes as long as ours, so that its user is not told from nobody.
    return inTurn(async () => {
      await matches(await nobody, password);
      return matches(stored, password);
    });
  }

  async function check(password: string, known: readonly ContextWord[] = []): Promise<void> {
    const length = [...password].length;
    if (length < SHORTEST) throw new WeakPassword('short');
    if (length > LONGEST) throw new WeakPassword('long');
    await checkGuessable(password, known);
    if (breachCheckUrl !== undefined && (await isBreached(breachCheckUrl, password)))
      throw new WeakPassword('leaked');
  }

  return {
    check,
    async hash(password, known) {
      await check(password, known);
      return inTurn(() => hash(password, options));
    },
    rehash: (password) => inTurn(() => hash(password, options)),
    async verify(stored, password, { usual, account } = {}) {
      const usable = stored === null ? undefined : usableHash(stored);
      const unusable = (): false => {
        log?.warn({ account }, 'a stored password hash can not be compared; set a new password');
        return false;
      };
      if (stored !== null && !usable) unusable();
      const right = await compare(usable ?? usual ?? (await nobody), password).catch((error: unknown) => {
        if (error instanceof Busy) throw error;
        return unusable();
      });
      return usable !== undefined && right;
    },
    outdated(stored) {
      const used = parameters(stored);
      return !used || used.m < memoryKiB || used.t < iterations || used.p < parallelism;
    },
  };
}
