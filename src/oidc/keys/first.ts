import { BASE_ALGS } from '../../kernel/algorithms.js';
import type { Vault } from '../../store/index.js';
import type { WriteFirstKeys } from '../../tenants/index.js';
import { makeKey } from './make.js';
import { insertCurrentKeys } from './rotation.js';

/** Makes the keys that a tenant begins with, and answers what writes them in the transaction that makes the tenant. */
export async function makeFirstKeys(vault: Vault): Promise<WriteFirstKeys> {
  const made = await Promise.all(BASE_ALGS.map(makeKey));
  return (db) => insertCurrentKeys(db, vault, made);
}
