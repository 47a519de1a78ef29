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
const MOST_COST = 14;

const lengthOf = (algorithm: string): number => (algorithm.startsWith('sha512') ? 128 : 64);

/** Whether a hash that was made elsewhere can be compared here, at a cost that is bearable. @throws Invalid */
export function checkKept({ algorithm, salt, passwordHash }: KeptPassword): KeptPassword {
  const iterations = PBKDF2.exec(algorithm)?.[1];
  const known =
    algorithm === 'bcrypt'
      ? Number(BCRYPT.exec(passwordHash)?.[1] ?? Infinity) <= MOST_COST
      : (QUICK.test(algorithm) || Number(iterations ?? Infinity) <= MOST_ITERATIONS) &&
        new RegExp(`^[0-9a-fA-F]{${lengthOf(algorithm)}}$`).test(passwordHash);
  if (!known)
    throw new Invalid(
      'password_hash',
      `is no hash of ${algorithm}: hexadecimal for sha256, sha512 and pbkdf2-sha256:<iterations>, $2b$… for bcrypt`,
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
  const derive = async (password: string, salt: string, rounds: number): Promise<string> =>
    (await slowly(() => derivePbkdf2(password, salt, rounds, DERIVED_BYTES, 'sha256'))).toString('hex');

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
    nobody: keep('nobody has this password'),
    matches({ algorithm: used, salt, passwordHash }, password) {
      const [, quickly, suffix] = QUICK.exec(used) ?? [];
      if (quickly !== undefined)
        return same(digest(quickly, suffix === undefined ? salt + password : password + salt), passwordHash);
      const rounds = PBKDF2.exec(used)?.[1];
      if (rounds !== undefined)
        return derive(password, salt, Number(rounds)).then((derived) => same(derived, passwordHash));
      return slowly(() => verifyBcrypt(password, passwordHash));
    },
    outdated: ({ algorithm: used, passwordHash }) =>
      quick
        ? used !== algorithm
        : algorithm === 'pbkdf2'
          ? used !== `pbkdf2-sha256:${iterations}`
          : used !== algorithm || Number(BCRYPT.exec(passwordHash)?.[1]) !== cost,
  };
}
