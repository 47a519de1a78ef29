import { hash, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { hash as hashBcrypt, verify as verifyBcrypt } from '@node-rs/bcrypt';
import pLimit from 'p-limit';
import type { Config } from '../config.js';
import { Invalid } from '../kernel/errors.js';
import { sixteenRandomBytes } from '../kernel/random.js';
import type { Soon } from '../kernel/soon.js';

const derivePbkdf2 = promisify(pbkdf2);

/**
 * A password as it is kept, in the layouts that EMQX's SQL authenticators read: hexadecimal in small letters, but for bcrypt's
 * own text, which has its salt inside.
 */
export interface KeptPassword {
  /** `sha256`, `sha512` (the salt stands first), the same with `-suffix`, `pbkdf2-sha256:<iterations>`, `bcrypt`. */
  algorithm: string;
  /** Text, which is hashed as it is. */
  salt: string;
  passwordHash: string;
}

/** How passwords of devices are kept and compared. */
export interface DevicePasswords {
  /** @throws Invalid */
  keep(password: string): Promise<KeptPassword>;
  /** Whether new passwords have a hash that is made at once. */
  readonly quick: boolean;
  /** At once, where the hash is `quick`: of many, each would cost a turn of the event loop. */
  keepQuickly(password: string): KeptPassword;
  matches(kept: KeptPassword, password: string): Soon<boolean>;
  /** Whether it is kept otherwise than new ones are. */
  outdated(kept: KeptPassword): boolean;
  /** The cost of bcrypt that is configured, where it is bcrypt. */
  readonly ownCost: number;
  /** What is compared where there is nobody, so that it takes as long. */
  readonly nobody: Promise<KeptPassword>;
}

export const SLOW_AT_ONCE = 2;
const DERIVED_BYTES = 32;
/** Bcrypt reads no further. */
const LONGEST_FOR_BCRYPT = 72;

const digest = (algorithm: string, text: string): string => hash(algorithm, text, 'hex');

const same = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
};

const QUICK = /^(sha256|sha512)(-suffix)?$/;
const PBKDF2 = /^pbkdf2-sha256:(\d{1,7})$/;
const BCRYPT = /^\$2[abxy]\$(\d\d)\$[A-Za-z0-9./]{53}$/;
const MOST_ITERATIONS = 1_000_000;
const [LEAST_COST, MOST_COST] = [4, 12];
/** Earlier releases took more, and it can be configured. */
const MOST_STORED_COST = 14;
/** What takes longer than this waits in a lane of its own. */
const [DEAR_ITERATIONS, DEAR_COST] = [400_000, 10];

const lengthOf = (algorithm: string): number => (algorithm.startsWith('sha512') ? 128 : 64);

const between = (value: number, least: number, most: number): boolean => value >= least && value <= most;

/** Whether a password can be compared with a hash, at a cost that can be borne. */
function isComparable({ algorithm, passwordHash }: KeptPassword, mostCost: number): boolean {
  if (algorithm === 'bcrypt')
    return between(Number(BCRYPT.exec(passwordHash)?.[1] ?? 0), LEAST_COST, mostCost);
  if (!new RegExp(`^[0-9a-fA-F]{${lengthOf(algorithm)}}$`).test(passwordHash)) return false;
  if (QUICK.test(algorithm)) return true;
  return between(Number(PBKDF2.exec(algorithm)?.[1] ?? 0), 1, MOST_ITERATIONS);
}

/**
 * Whether a hash that was made elsewhere can be compared here, at a cost that is bearable.
 * @param ownCost of bcrypt, as it is configured here.
 * @throws Invalid
 */
export function checkKept(kept: KeptPassword, ownCost = 0): KeptPassword {
  const { algorithm, salt, passwordHash } = kept;
  const salted = salt !== '' || !PBKDF2.test(algorithm);
  if (!salted || !isComparable(kept, Math.max(MOST_COST, ownCost)))
    throw new Invalid(
      'password_hash',
      `is no hash of ${algorithm}: hexadecimal for sha256, sha512 and pbkdf2-sha256:<iterations> (1,000,000 at most, with a ` +
        `salt), $2b$… for bcrypt (cost ${LEAST_COST} to ${MOST_COST})`,
    );
  // eslint-disable-next-line no-control-regex -- control characters are what it is about
  if (!/^[^\u0000-\u001f]{0,1000}$/.test(salt))
    throw new Invalid('salt', 'may have 1000 characters, none of them a control character');
  return {
    algorithm,
    salt,
    passwordHash: algorithm === 'bcrypt' ? passwordHash : passwordHash.toLowerCase(),
  };
}

/**
 * A fast hash is what brokers can check for many devices at once; what it protects are passwords that were made at random.
 * For others `pbkdf2` and `bcrypt` can be configured.
 */
export function devicePasswords({
  algorithm,
  iterations,
  cost,
}: Config['mqtt']['passwords']): DevicePasswords {
  const quick = algorithm === 'sha256';
  const slowly = pLimit(SLOW_AT_ONCE);
  // Hashes of other systems that take longer than ours wait for their like only.
  const dearly = pLimit(1);
  const laneFor = (dear: boolean): typeof slowly => (dear ? dearly : slowly);
  const mostIterations = Math.max(DEAR_ITERATIONS, algorithm === 'pbkdf2' ? iterations : 0);
  const ownCost = algorithm === 'bcrypt' ? cost : 0;
  const derive = async (password: string, salt: string, rounds: number): Promise<string> => {
    const derived = laneFor(rounds > mostIterations)(() =>
      derivePbkdf2(password, salt, rounds, DERIVED_BYTES, 'sha256'),
    );
    return (await derived).toString('hex');
  };

  const newSalt = (): string => sixteenRandomBytes().toString('hex');

  async function keep(password: string): Promise<KeptPassword> {
    if (quick) return keepQuickly(password);
    if (algorithm === 'pbkdf2') {
      const salt = newSalt();
      const passwordHash = await derive(password, salt, iterations);
      return { algorithm: `pbkdf2-sha256:${iterations}`, salt, passwordHash };
    }
    if (Buffer.byteLength(password) > LONGEST_FOR_BCRYPT)
      throw new Invalid('password', `may have ${LONGEST_FOR_BCRYPT} bytes, which is all that bcrypt reads`);
    const passwordHash = await slowly(() => hashBcrypt(password, cost));
    return { algorithm, salt: '', passwordHash: passwordHash.replace('$2y$', '$2b$') }; // the same; `2y` is PHP's word
  }

  function keepQuickly(password: string): KeptPassword {
    const salt = newSalt();
    return { algorithm, salt, passwordHash: digest(algorithm, salt + password) };
  }

  return {
    keep,
    quick,
    keepQuickly,
    ownCost,
    nobody: keep('nobody has this password'),
    matches(kept, password) {
      const { algorithm: used, salt, passwordHash } = kept;
      const [, quickly, suffix] = QUICK.exec(used) ?? [];
      if (quickly !== undefined)
        return same(digest(quickly, suffix === undefined ? salt + password : password + salt), passwordHash);
      // Earlier releases took some that no password can be compared with.
      if (!isComparable(kept, MOST_STORED_COST)) return false;
      const rounds = PBKDF2.exec(used)?.[1];
      if (rounds !== undefined)
        return derive(password, salt, Number(rounds)).then((derived) => same(derived, passwordHash));
      const dear = Number(BCRYPT.exec(passwordHash)?.[1]) > Math.max(DEAR_COST, ownCost);
      return laneFor(dear)(() => verifyBcrypt(password, passwordHash));
    },
    outdated: ({ algorithm: used, passwordHash }) =>
      quick
        ? used !== algorithm
        : algorithm === 'pbkdf2'
          ? used !== `pbkdf2-sha256:${iterations}`
          : used !== algorithm || Number(BCRYPT.exec(passwordHash)?.[1]) !== cost,
  };
}
