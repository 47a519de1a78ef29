import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Vault } from '../store/index.js';
import type { ClientSecret } from './schema.js';

/** A new secret: 256 bits from the CSPRNG as base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/** Secrets are random, so a fast keyed hash is enough: nobody can guess one, and without the key nobody can check a guess. */
export const hashSecret = (vault: Vault, secret: string): string => vault.hash('client-secret', secret);

/** What helps an administrator tell secrets apart, and nobody to use one. */
export const hintOf = (secret: string): string => `${secret.slice(0, 4)}…`;

/** Whether `presented` is one of the live secrets. Takes the same time whichever it is, and when it is none. */
export function matchesSecret(
  vault: Vault,
  secrets: readonly ClientSecret[],
  presented: string,
  now: number,
): boolean {
  const actual = Buffer.from(hashSecret(vault, presented));
  let matched = false;
  for (const { hash, expiresAt } of secrets) {
    const same = timingSafeEqual(actual, Buffer.from(hash));
    if (same && (expiresAt === null || expiresAt > now)) matched = true;
  }
  return matched;
}
