import { pbkdf2, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { verify as verifyArgon2 } from '@node-rs/argon2';
import { verify as verifyBcrypt } from '@node-rs/bcrypt';
import { Invalid } from '../kernel/errors.js';

const derivePbkdf2 = promisify(pbkdf2);
const deriveScrypt = promisify<
  string,
  Buffer,
  number,
  { N: number; r: number; p: number; maxmem: number },
  Buffer
>(scrypt);

type Digest = 'sha1' | 'sha256' | 'sha512';

interface Argon2Hash {
  algorithm: 'argon2';
  variant: string;
  memoryKiB: number;
  passes: number;
  lanes: number;
  text: string;
}
interface BcryptHash {
  algorithm: 'bcrypt';
  cost: number;
  text: string;
}
interface Derived {
  salt: Buffer;
  expected: Buffer;
}
interface Pbkdf2Hash extends Derived {
  algorithm: 'pbkdf2';
  digest: Digest;
  rounds: number;
}
interface ScryptHash extends Derived {
  algorithm: 'scrypt';
  N: number;
  r: number;
  p: number;
}

/** A stored hash, read: with what a password is compared, at which cost. */
export type StoredHash = Argon2Hash | BcryptHash | Pbkdf2Hash | ScryptHash;

const DIGESTS: readonly Digest[] = ['sha1', 'sha256', 'sha512'];
const DIGEST_BYTES: Record<Digest, number> = { sha1: 20, sha256: 32, sha512: 64 };
const KIB = 1024;

/** The base64 of PHC strings, and passlib's, which has dots for pluses. */
const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll('.', '+'), 'base64');

/** Base64 of ASP.NET Identity: version 2 is SHA-1 and a thousand rounds, version 3 says what it is. */
function aspNetIdentity(stored: string): StoredHash | undefined {
  if (!/^[A-Za-z0-9+/]{40,400}={0,2}$/.test(stored)) return undefined;
  const bytes = Buffer.from(stored, 'base64');
  const hash = (digest: Digest, rounds: number, saltAt: number, hashAt: number): Pbkdf2Hash => ({
    algorithm: 'pbkdf2',
    digest,
    rounds,
    salt: bytes.subarray(saltAt, hashAt),
    expected: bytes.subarray(hashAt),
  });
  if (bytes[0] === 0x00 && bytes.length === 49) return hash('sha1', 1000, 1, 17);
  if (bytes[0] !== 0x01 || bytes.length < 13 + 16 + 16) return undefined;
  const digest = DIGESTS[bytes.readUInt32BE(1)];
  const saltLength = bytes.readUInt32BE(9);
  if (digest === undefined || saltLength < 8 || saltLength > bytes.length - 13 - 16) return undefined;
  return hash(digest, bytes.readUInt32BE(5), 13, 13 + saltLength);
}

/** `$pbkdf2-sha256$i=600000$salt$hash`, passlib's `$pbkdf2-sha256$600000$salt$hash`, Django's `pbkdf2_sha256$600000$salt$hash`. */
function pbkdf2Text(stored: string): StoredHash | undefined {
  const phc =
    /^\$pbkdf2-(sha1|sha256|sha512)\$(?:i=)?(\d{1,8})(?:,l=\d+)?\$([A-Za-z0-9+/.]{0,200}={0,2})\$([A-Za-z0-9+/.]{20,200}={0,2})$/.exec(
      stored,
    );
  const django =
    /^pbkdf2_(sha1|sha256)\$(\d{1,8})\$([A-Za-z0-9]{0,200})\$([A-Za-z0-9+/]{20,200}={0,2})$/.exec(stored);
  const found = phc ?? django;
  if (!found) return undefined;
  const [, digest, rounds, salt = '', hash = ''] = found;
  return {
    algorithm: 'pbkdf2',
    digest: digest as Digest,
    rounds: Number(rounds),
    salt: phc ? bytesOf(salt) : Buffer.from(salt),
    expected: bytesOf(hash),
  };
}

/** `$scrypt$ln=15,r=8,p=1$salt$hash` */
function scryptText(stored: string): StoredHash | undefined {
  const found =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/.]{0,200}={0,2})\$([A-Za-z0-9+/.]{20,200}={0,2})$/.exec(
      stored,
    );
  if (!found) return undefined;
  const [, ln, r, p, salt = '', hash = ''] = found;
  return {
    algorithm: 'scrypt',
    N: 2 ** Number(ln),
    r: Number(r),
    p: Number(p),
    salt: bytesOf(salt),
    expected: bytesOf(hash),
  };
}

function bcryptText(stored: string): StoredHash | undefined {
  const cost = /^\$2[abxy]\$(\d\d)\$[A-Za-z0-9./]{53}$/.exec(stored)?.[1];
  return cost === undefined ? undefined : { algorithm: 'bcrypt', cost: Number(cost), text: stored };
}

function argon2Text(stored: string): StoredHash | undefined {
  const found =
    /^\$argon2(id|i|d)\$v=(?:16|19)\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$[A-Za-z0-9+/]{1,200}\$[A-Za-z0-9+/]{20,200}$/.exec(
      stored,
    );
  if (!found) return undefined;
  const [, variant = '', memory, passes, lanes] = found;
  return {
    algorithm: 'argon2',
    variant,
    memoryKiB: Number(memory),
    passes: Number(passes),
    lanes: Number(lanes),
    text: stored,
  };
}

const FORMATS = [argon2Text, bcryptText, pbkdf2Text, scryptText, aspNetIdentity];

/** A stored hash of any format that is known, with whatever parameters it says. */
function read(stored: string): StoredHash | undefined {
  for (const format of FORMATS) {
    const hash = format(stored);
    if (hash) return hash;
  }
  return undefined;
}

const LEAST_EXPECTED = 16;
const LEAST_ARGON2_SALT = 8;
const MOST_LANES = 16;

/** Argon2's library takes numbers and base64 only as it would write them itself. */
function argon2CanRead(text: string): boolean {
  const [, , , parameters = '', ...encoded] = text.split('$');
  const bytes = encoded.map((part) => Buffer.from(part, 'base64'));
  return (
    !/=0\d/.test(parameters) &&
    bytes.every((part, n) => part.toString('base64').replaceAll('=', '') === encoded[n]) &&
    (bytes[0]?.length ?? 0) >= LEAST_ARGON2_SALT
  );
}

/** The last letters of bcrypt's salt (16 bytes) and hash (23 bytes) have bits to spare, which are zero. */
const BCRYPT_CAN_READ = /^.{28}[.Oeu].{30}[.CGKOSWaeimquy26]$/;

/** Whether a hash says something that its algorithm does not have, so that no password can be compared with it. */
function isNonsense(hash: StoredHash): boolean {
  if (hash.algorithm === 'bcrypt') return hash.cost < 4 || hash.cost > 31 || !BCRYPT_CAN_READ.test(hash.text);
  if (hash.algorithm === 'argon2') {
    const { passes, lanes, memoryKiB, text } = hash;
    return passes < 1 || lanes < 1 || lanes > MOST_LANES || memoryKiB < 8 * lanes || !argon2CanRead(text);
  }
  // Without a salt or bytes to compare, every password would be the right one, or the same one for everybody.
  if (hash.salt.length === 0 || hash.expected.length < LEAST_EXPECTED) return true;
  if (hash.algorithm === 'pbkdf2') return hash.rounds < 1;
  // RFC 7914: N is less than 2^(16r).
  return hash.N < 2 || hash.r < 1 || hash.p < 1 || hash.N >= 2 ** (16 * hash.r);
}

/** Rounds that each digest is computed in, of all blocks of the derived bytes. */
const roundsIn = ({ digest, rounds, expected }: Pbkdf2Hash): number =>
  rounds * Math.ceil(expected.length / DIGEST_BYTES[digest]);

/** What is taken at import. The rounds are as much work for each digest (OWASP's table of PBKDF2). */
const MOST = {
  bcryptCost: 12,
  rounds: { sha1: 2_000_000, sha256: 1_000_000, sha512: 350_000 },
  memoryKiB: 128 * KIB,
  argon2Passes: 16,
};
/** Memory times passes of Argon2: peers have less memory with more passes (Keycloak 7 MiB and 5). */
const MOST_ARGON2_KIB = 4 * MOST.memoryKiB;
/** N·r·p of scrypt that has 128 MiB and one lane; the peers' other settings with less memory have no more. */
const MOST_SCRYPT = 2 ** 20;

const scryptKiB = ({ N, r }: ScryptHash): number => (128 * N * r) / KIB;

function isTooDear(hash: StoredHash): boolean {
  switch (hash.algorithm) {
    case 'bcrypt':
      return hash.cost > MOST.bcryptCost;
    case 'argon2':
      return (
        hash.memoryKiB > MOST.memoryKiB ||
        hash.passes > MOST.argon2Passes ||
        hash.memoryKiB * hash.passes > MOST_ARGON2_KIB
      );
    case 'pbkdf2':
      return roundsIn(hash) > MOST.rounds[hash.digest];
    case 'scrypt':
      return scryptKiB(hash) > MOST.memoryKiB || hash.N * hash.r * hash.p > MOST_SCRYPT;
  }
}

/** @throws Invalid for a hash that no password can be compared with, or that would cost too much */
export function checkForeignHash(stored: string): void {
  const hash = read(stored);
  if (!hash)
    throw new Invalid(
      'passwordHash',
      'is none that is known: ASP.NET Identity v2 or v3 (base64), bcrypt ($2b$…), PBKDF2 ($pbkdf2-sha256$… or ' +
        'pbkdf2_sha256$…), scrypt ($scrypt$ln=…) or Argon2 ($argon2id$…)',
    );
  if (isNonsense(hash))
    throw new Invalid(
      'passwordHash',
      `has parameters that ${hash.algorithm} does not have, no salt or too short a one, or base64 that cannot be read; ` +
        'export it again',
    );
  if (isTooDear(hash))
    throw new Invalid(
      'passwordHash',
      'costs too much at each sign-in: taken are bcrypt to cost 12, PBKDF2 to 1,000,000 rounds of SHA-256 (2,000,000 of ' +
        'SHA-1, 350,000 of SHA-512; they count for each 32, 20 or 64 bytes of the key), scrypt to 128 MiB, Argon2 to 128 MiB ' +
        'and 16 passes, where both multiplied are 512 MiB at most; import the user without it, to have a new password set',
    );
}

/** Milliseconds of one core, roughly, for each unit of work. */
const MS = {
  bcrypt: 0.06,
  rounds: { sha1: 0.000_22, sha256: 0.000_2, sha512: 0.000_55 },
  scrypt: 0.000_4,
  argon2: 0.001,
};

/** About how many milliseconds of one core a comparison takes. */
export function costOf(hash: StoredHash): number {
  switch (hash.algorithm) {
    case 'bcrypt':
      return MS.bcrypt * 2 ** hash.cost;
    case 'argon2':
      return MS.argon2 * hash.memoryKiB * hash.passes;
    case 'pbkdf2':
      return MS.rounds[hash.digest] * roundsIn(hash);
    case 'scrypt':
      return MS.scrypt * hash.N * hash.r * hash.p;
  }
}

/** Earlier releases took more at import than is taken now; those users still sign in. */
const MOST_STORED_MS = 3000;
const MOST_STORED_KIB = 256 * KIB;
/** As far as our own can be configured. */
const MOST_OURS = { memoryKiB: 4096 * KIB, passes: 100 };

/** A stored hash, where a password can be compared with it at a cost that can be borne. */
export function usableHash(stored: string): StoredHash | undefined {
  const hash = read(stored);
  if (!hash || isNonsense(hash)) return undefined;
  if (hash.algorithm === 'argon2' && hash.variant === 'id')
    return hash.memoryKiB <= MOST_OURS.memoryKiB && hash.passes <= MOST_OURS.passes ? hash : undefined;
  const kib =
    hash.algorithm === 'argon2' ? hash.memoryKiB : hash.algorithm === 'scrypt' ? scryptKiB(hash) : 0;
  return costOf(hash) <= MOST_STORED_MS && kib <= MOST_STORED_KIB ? hash : undefined;
}

/** A hash that costs as much, and that nobody has a password for. */
export function decoyOf(hash: StoredHash): StoredHash {
  switch (hash.algorithm) {
    case 'bcrypt':
      return { ...hash, text: `${hash.text.slice(0, 7)}${'.'.repeat(53)}` };
    case 'argon2':
      return { ...hash, text: hash.text.replace(/\$[^$]+\$[^$]+$/, `$${'A'.repeat(22)}$${'A'.repeat(43)}`) };
    default:
      return { ...hash, salt: Buffer.alloc(16), expected: Buffer.alloc(hash.expected.length) };
  }
}

const same = (derived: Buffer, expected: Buffer): boolean => timingSafeEqual(derived, expected);

/** Whether the password is the one of the hash. */
export async function matches(hash: StoredHash, password: string): Promise<boolean> {
  switch (hash.algorithm) {
    case 'bcrypt':
      return verifyBcrypt(password, hash.text);
    case 'argon2':
      return verifyArgon2(hash.text, password);
    case 'pbkdf2': {
      const { salt, rounds, expected, digest } = hash;
      return same(await derivePbkdf2(password, salt, rounds, expected.length, digest), expected);
    }
    case 'scrypt': {
      const { salt, expected, N, r, p } = hash;
      const maxmem = 2 * 128 * r * (N + p + 1);
      return same(await deriveScrypt(password, salt, expected.length, { N, r, p, maxmem }), expected);
    }
  }
}
