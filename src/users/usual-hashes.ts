import { LRUCache } from 'lru-cache';
import type { Store, Vault } from '../store/index.js';
import { decoyOf, usableHash, type StoredHash } from './foreign-hashes.js';

const SAMPLE = 200;
const KEPT_MS = 600_000;
const MOST_TENANTS = 1000;

/**
 * What an unknown login is compared with, so that it takes as long as one that the tenant has: the cost of one of the
 * tenant's newest users, the same one for a login each time. Undefined where the tenant's users have no hashes.
 */
export type UsualHash = (tenantId: string, login: string) => Promise<StoredHash | undefined>;

export function usualHashes(store: Store, vault: Vault): UsualHash {
  const newest = store.prepare(
    `SELECT password_hash FROM users WHERE tenant_id = ? ORDER BY id DESC LIMIT ${SAMPLE}`,
  );
  const samples = new LRUCache<string, Promise<readonly StoredHash[]>>({ max: MOST_TENANTS, ttl: KEPT_MS });

  async function sample(tenantId: string): Promise<readonly StoredHash[]> {
    // Those of one cost share one object: a tenant has few.
    const decoys = new Map<string, StoredHash>();
    const found: StoredHash[] = [];
    for (const row of await newest.all(tenantId)) {
      const hash = row['password_hash'] === null ? undefined : usableHash(row['password_hash'] as string);
      if (!hash) continue;
      const decoy = decoyOf(hash);
      const name = JSON.stringify(decoy);
      if (!decoys.has(name)) decoys.set(name, decoy);
      found.push(decoys.get(name) as StoredHash);
    }
    return found;
  }

  return async (tenantId, login) => {
    let kept = samples.get(tenantId);
    if (!kept) {
      kept = sample(tenantId);
      samples.set(tenantId, kept);
      kept.catch(() => samples.delete(tenantId));
    }
    const found = await kept;
    const digest = vault.hash('usual-hash', `${tenantId}:${login.toLowerCase()}`);
    return found[Buffer.from(digest, 'base64url').readUInt32BE(0) % found.length];
  };
}
