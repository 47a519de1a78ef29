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

/** A hash of another system, read: what it costs at the most, and how a password is compared with it. */
interface ForeignHash {
  verify(password: string): Promise<boolean>;
}

/** More than this would let an import make sign-ins slow. */
const MOST = { pbkdf2: 2_000_000, bcrypt: 14, scryptN: 2 ** 17, argon2KiB: 262_144, argon2Times: 10 };

const withDigest = (
  digest: string,
  iterations: number,
  salt: Buffer | string,
  expected: Buffer,
): ForeignHash | undefined =>
  iterations < 1 || iterations > MOST.pbkdf2 || expected.length < 16
    ? undefined
    : {
        verify: async (password) =>
          timingSafeEqual(await derivePbkdf2(password, salt, iterations, expected.length, digest), expected),
      };

const PRF = ['sha1', 'sha256', 'sha512'];

/** Base64 of ASP.NET Identity: version 2 is SHA-1 and a thousand rounds, version 3 says what it is. */
function aspNetIdentity(stored: string): ForeignHash | undefined {
  if (!/^[A-Za-z0-9+/]{40,400}={0,2}$/.test(stored)) return undefined;
  const bytes = Buffer.from(stored, 'base64');
  if (bytes[0] === 0x00 && bytes.length === 49)
    return withDigest('sha1', 1000, bytes.subarray(1, 17), bytes.subarray(17));
  if (bytes[0] !== 0x01 || bytes.length < 13 + 16 + 16) return undefined;
  const digest = PRF[bytes.readUInt32BE(1)];
  const saltLength = bytes.readUInt32BE(9);
  if (digest === undefined || saltLength < 8 || saltLength > bytes.length - 13 - 16) return undefined;
  return withDigest(
    digest,
    bytes.readUInt32BE(5),
    bytes.subarray(13, 13 + saltLength),
    bytes.subarray(13 + saltLength),
  );
}

/** The base64 of PHC strings, and passlib's, which has dots for pluses. */
const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll('.', '+'), 'base64');

/** `$pbkdf2-sha256$i=600000$salt$hash`, passlib's `$pbkdf2-sha256$600000$salt$hash`, Django's `pbkdf2_sha256$600000$salt$hash`. */
function pbkdf2Text(stored: string): ForeignHash | undefined {
  const phc =
    /^\$pbkdf2-(sha1|sha256|sha512)\$(?:i=)?(\d{1,8})(?:,l=\d+)?\$([A-Za-z0-9+/.=]{8,200})\$([A-Za-z0-9+/.=]{20,200})$/.exec(
      stored,
    );
  if (phc) {
    const [, digest = '', rounds, salt = '', hash = ''] = phc;
    return withDigest(digest, Number(rounds), bytesOf(salt), bytesOf(hash));
  }
  const django = /^pbkdf2_(sha1|sha256)\$(\d{1,8})\$([A-Za-z0-9]{1,200})\$([A-Za-z0-9+/=]{20,200})$/.exec(
    stored,
  );
  const [, digest = '', rounds, salt = '', hash = ''] = django ?? [];
  return django ? withDigest(digest, Number(rounds), salt, Buffer.from(hash, 'base64')) : undefined;
}

/** `$scrypt$ln=15,r=8,p=1$salt$hash` */
function scryptText(stored: string): ForeignHash | undefined {
  const found =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/.=]{8,200})\$([A-Za-z0-9+/.=]{20,200})$/.exec(
      stored,
    );
  if (!found) return undefined;
  const [N, r, p] = [2 ** Number(found[1]), Number(found[2]), Number(found[3])];
  const [salt, expected] = [bytesOf(found[4] ?? ''), bytesOf(found[5] ?? '')];
  if (N < 2 || N > MOST.scryptN || r < 1 || r > 16 || p < 1 || p > 8) return undefined;
  return {
    verify: async (password) =>
      timingSafeEqual(
        await deriveScrypt(password, salt, expected.length, { N, r, p, maxmem: 256 * N * r }),
        expected,
      ),
  };
}

function bcryptText(stored: string): ForeignHash | undefined {
  const cost = /^\$2[abxy]\$(\d\d)\$[A-Za-z0-9./]{53}$/.exec(stored)?.[1];
  if (cost === undefined || Number(cost) < 4 || Number(cost) > MOST.bcrypt) return undefined;
  return { verify: (password) => verifyBcrypt(password, stored) };
}

function argon2Text(stored: string): ForeignHash | undefined {
  const found =
    /^\$argon2(?:id|i|d)\$v=\d+\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,200}\$[A-Za-z0-9+/]{20,200}$/.exec(
      stored,
    );
  if (!found || Number(found[1]) > MOST.argon2KiB || Number(found[2]) > MOST.argon2Times) return undefined;
  return { verify: (password) => verifyArgon2(stored, password) };
}

const FORMATS = [argon2Text, bcryptText, pbkdf2Text, scryptText, aspNetIdentity];

const read = (stored: string): ForeignHash | undefined => {
  for (const format of FORMATS) {
    const hash = format(stored);
    if (hash) return hash;
  }
  return undefined;
};

/** @throws Invalid for a hash that nobody could sign in with, or that would cost too much */
export function checkForeignHash(stored: string): void {
  if (!read(stored))
    throw new Invalid(
      'passwordHash',
      'is none that is known: ASP.NET Identity v2 or v3 (base64), bcrypt ($2b$…, cost 14 at most), PBKDF2 ($pbkdf2-sha256$… or ' +
        'pbkdf2_sha256$…), scrypt ($scrypt$ln=…) or Argon2 ($argon2id$…)',
    );
}

/** Whether the password is the one of a hash of another system. */
export const matchesForeign = async (stored: string, password: string): Promise<boolean> =>
  (await read(stored)?.verify(password)) ?? false;
