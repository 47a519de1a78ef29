import { randomBytes, timingSafeEqual } from 'node:crypto';
import { Invalid } from '../kernel/errors.js';
import type { Vault } from '../store/index.js';

/** A secret that a program proves who it is with. The secret itself is kept nowhere. */
export interface Secret {
  id: string;
  hash: string;
  hint: string;
  description: string | null;
  /** Epoch milliseconds. */
  createdAt: number;
  expiresAt: number | null;
}

/** How it is hashed: the older document lets callers choose. */
export type KeyType = 'Sha256' | 'Sha512';

/** A new secret: 256 bits from the CSPRNG as base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

const OF_SHA512 = 'sha512:';
const PURPOSE = 'client-secret';

/** Secrets are random, so a fast keyed hash is enough: nobody can guess one, and without the key nobody can check a guess. */
export const hashSecret = (vault: Vault, secret: string, keyType: KeyType = 'Sha256'): string =>
  keyType === 'Sha256' ? vault.hash(PURPOSE, secret) : `${OF_SHA512}${vault.hash(PURPOSE, secret, 'sha512')}`;

const keyTypeOf = (hash: string): KeyType => (hash.startsWith(OF_SHA512) ? 'Sha512' : 'Sha256');

/** What helps an administrator tell secrets apart, and nobody to use one. */
export const hintOf = (secret: string): string => `${secret.slice(0, 4)}…`;

const SHORTEST = 32;
const FEWEST_CHARACTERS = 12;

/** Refuses a secret that somebody made up: a fast hash protects only what can not be guessed. @throws Invalid */
export function checkStrength(secret: string): void {
  if (!/^[\x21-\x7e]{32,200}$/.test(secret) || new Set(secret).size < FEWEST_CHARACTERS)
    throw new Invalid(
      'plaintext',
      `must be ${SHORTEST} to 200 printable characters without spaces, ${FEWEST_CHARACTERS} different ones at least; leave it out, and a random one is made`,
    );
}

/** Whether `presented` is one of the live secrets. Takes the same time whichever it is, and when it is none. */
export function matchesSecret(
  vault: Vault,
  secrets: readonly Secret[],
  presented: string,
  now: number,
): boolean {
  const actual = {
    Sha256: Buffer.from(hashSecret(vault, presented)),
    Sha512: undefined as Buffer | undefined,
  };
  let matched = false;
  for (const { hash, expiresAt } of secrets) {
    const keyType = keyTypeOf(hash);
    const mine = (actual[keyType] ??= Buffer.from(hashSecret(vault, presented, keyType)));
    const same = timingSafeEqual(mine, Buffer.from(hash));
    if (same && (expiresAt === null || expiresAt > now)) matched = true;
  }
  return matched;
}
