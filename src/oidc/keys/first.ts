import type { SigningAlg } from '../../kernel/algorithms.js';
import type { Vault } from '../../store/index.js';
import type { WriteFirstKeys } from '../../tenants/index.js';
import { makeKey } from './make.js';
import { insertCurrentKeys } from './rotation.js';

/** What every tenant has keys for: RS256 is what every OpenID client can check (OIDC Core 15.1), ES256 what APIs get. */
export const BASE_ALGS: readonly SigningAlg[] = ['ES256', 'RS256'];

/** Makes the keys that a tenant begins with, and answers what writes them in the transaction that makes the tenant. */
export async function makeFirstKeys(vault: Vault): Promise<WriteFirstKeys> {
  const made = await Promise.all(BASE_ALGS.map(makeKey));
  return (db) => insertCurrentKeys(db, vault, made);
}
