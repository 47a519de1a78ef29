import type { SigningAlg } from '../../kernel/algorithms.js';
import type { Config } from '../../config.js';
import { tenantDb, type Row, type Store, type TenantDb, type Vault } from '../../store/index.js';
import { touchTenant } from '../../tenants/index.js';
import { makeKey, type NewKey } from './make.js';

/**
 * - `next`: published, does not sign yet, so that whoever keeps the key set for a while has it in time;
 * - `current`: signs, one for each algorithm;
 * - `previous`: published until the last thing that it signed has expired;
 * - `retired`: neither; its private half is gone;
 * - `revoked`: somebody else may have it. Nothing that it signed is accepted, from the moment of its revocation on.
 */
export const KEY_STATES = ['current', 'next', 'previous', 'retired', 'revoked'] as const;
export type KeyState = (typeof KEY_STATES)[number];

/** A key as an operator sees it. Times are epoch milliseconds. */
export interface KeyInfo {
  kid: string;
  alg: SigningAlg;
  state: KeyState;
  createdAt: number;
  /** When it begins, or began, to sign. */
  activatesAt: number;
  /** When a previous one is no longer published, or when a revoked one was revoked. */
  retiresAt: number | null;
}

export const sealRow = (tenantId: string, kid: string): string => `signing_keys:${tenantId}:${kid}`;

export const infoOf = (row: Row): KeyInfo => ({
  kid: row['kid'] as string,
  alg: row['alg'] as SigningAlg,
  state: row['state'] as KeyState,
  createdAt: row['created_at'] as number,
  activatesAt: row['activates_at'] as number,
  retiresAt: row['retires_at'] as number | null,
});

/** Those that sign first, newer before older. */
export async function rowsOf(db: TenantDb): Promise<Row[]> {
  const rows = (await db.from('signing_keys').orderBy('created_at', 'desc')) as Row[];
  const order = ({ state }: Row): number => KEY_STATES.indexOf(state as KeyState);
  return rows.sort((a, b) => order(a) - order(b));
}

export async function listKeys(store: Store, tenantId: string): Promise<KeyInfo[]> {
  return (await rowsOf(tenantDb(store.knex, tenantId))).map(infoOf);
}

/**
 * The tenant's keys; nobody else changes them before the transaction ends. Every change takes this lock first and touches
 * the tenant afterwards, so that two changes cannot wait for each other.
 */
export async function lockKeys(db: TenantDb): Promise<KeyInfo[]> {
  return ((await db.from('signing_keys').orderBy('kid').forUpdate()) as Row[]).map(infoOf);
}

/** Two processes that do the same at once end with the same keys: partial unique indexes keep one next and one current. */
function insertKey(
  db: TenantDb,
  vault: Vault,
  { kid, alg, publicJwk, privateJwk }: NewKey,
  state: 'next' | 'current',
  activatesAt: number,
): Promise<void> {
  return db.ensure('signing_keys', 'any', {
    kid,
    alg,
    state,
    public_jwk: JSON.stringify(publicJwk),
    sealed_private_jwk: vault.seal(JSON.stringify(privateJwk), sealRow(db.tenantId, kid)),
    created_at: Date.now(),
    activates_at: activatesAt,
  });
}

/** Writes keys that sign at once, for algorithms that have no current key. */
export async function insertCurrentKeys(db: TenantDb, vault: Vault, keys: readonly NewKey[]): Promise<void> {
  for (const key of keys) await insertKey(db, vault, key, 'current', Date.now());
}

/** A current key for each of these algorithms that has none: nobody has seen a token by it yet, so it may sign at once. */
export async function addKeys(
  store: Store,
  vault: Vault,
  tenantId: string,
  algs: readonly SigningAlg[],
): Promise<void> {
  const made = await Promise.all(algs.map(makeKey));
  await store.transaction(async (trx) => {
    await insertCurrentKeys(tenantDb(trx, tenantId), vault, made);
    await touchTenant(trx, tenantId);
  });
}

/** Seconds from which everything else follows. */
export interface KeySchedule {
  /** How long a key signs. */
  rotation: number;
  /** How long it is published before. */
  publish: number;
  /** The longest that anything is valid that a key has signed. */
  longestToken: number;
}

/** An ID token is of use until its session ends: as the hint at sign-out. */
export const scheduleOf = ({ keys, lifetimes }: Pick<Config, 'keys' | 'lifetimes'>): KeySchedule => ({
  rotation: keys.rotationDays * 86_400,
  publish: keys.publishSeconds,
  longestToken: Math.max(lifetimes.accessTokenLongest, lifetimes.idToken, lifetimes.sessionAbsolute),
});

/** Makes the keys that a rotation publishes, before its transaction: making an RSA key takes long. */
export async function makeNextKeys(store: Store, tenantId: string): Promise<NewKey[]> {
  const keys = await listKeys(store, tenantId);
  const algs = keys.filter(({ state }) => state === 'current').map(({ alg }) => alg);
  const withNext = new Set(keys.filter(({ state }) => state === 'next').map(({ alg }) => alg));
  return Promise.all(algs.filter((alg) => !withNext.has(alg)).map(makeKey));
}

/**
 * Publishes a next key for each algorithm of the tenant that has none; it signs once it has been published for long
 * enough. `now` lets the next ones sign at once: clients that keep the key set for a while can not check new tokens until
 * they read it again. The keys before stay valid; for keys that somebody else may have, see revocation.ts.
 */
export async function rotateIn(
  db: TenantDb,
  vault: Vault,
  schedule: KeySchedule,
  made: readonly NewKey[],
  { now = false } = {},
): Promise<void> {
  await lockKeys(db);
  const at = Date.now();
  for (const key of made) await insertKey(db, vault, key, 'next', at + schedule.publish * 1000);
  if (now) await db.from('signing_keys').where({ state: 'next' }).update({ activates_at: at });
  await promote(db, schedule, at);
}

/** The same in a transaction of its own. */
export async function rotateKeys(
  store: Store,
  vault: Vault,
  tenantId: string,
  schedule: KeySchedule,
  options: { now?: boolean } = {},
): Promise<void> {
  const made = await makeNextKeys(store, tenantId);
  await store.transaction(async (trx) => {
    await rotateIn(tenantDb(trx, tenantId), vault, schedule, made, options);
    await touchTenant(trx, tenantId);
  });
}

/** Next keys whose time has come sign; the ones that they take over from stay published for as long as it takes. */
async function promote(db: TenantDb, schedule: KeySchedule, now: number): Promise<number> {
  const due = (
    (await db.from('signing_keys').where({ state: 'next' }).where('activates_at', '<=', now)) as Row[]
  ).map(infoOf);
  for (const { kid, alg } of due) {
    await db
      .from('signing_keys')
      .where({ alg, state: 'current' })
      .update({ state: 'previous', replaced_at: now, retires_at: now + schedule.longestToken * 1000 });
    await db.from('signing_keys').where({ kid }).update({ state: 'current' });
  }
  return due.length;
}

/** Takes each step of the tenant's keys whose time has come. */
async function advance(store: Store, vault: Vault, tenantId: string, schedule: KeySchedule): Promise<void> {
  const keys = await listKeys(store, tenantId);
  const agedAt = Date.now() - (schedule.rotation - schedule.publish) * 1000;
  const aged = keys.filter(
    ({ alg, state, activatesAt }) =>
      state === 'current' &&
      activatesAt <= agedAt &&
      !keys.some((other) => other.state === 'next' && other.alg === alg),
  );
  const made = await Promise.all(
    aged.map(async ({ alg, activatesAt }) => ({ key: await makeKey(alg), replaces: activatesAt })),
  );
  await store.transaction(async (trx) => {
    const db = tenantDb(trx, tenantId);
    await lockKeys(db);
    const now = Date.now();
    for (const { key, replaces } of made) {
      const activatesAt = Math.max(replaces + schedule.rotation * 1000, now + schedule.publish * 1000);
      await insertKey(db, vault, key, 'next', activatesAt);
    }
    await promote(db, schedule, now);
    await db
      .from('signing_keys')
      .where({ state: 'previous' })
      .where('retires_at', '<=', now)
      .update({ state: 'retired', sealed_private_jwk: '' });
    await touchTenant(trx, tenantId);
  });
}

/**
 * Rotates the keys of every tenant by the schedule; answers how many tenants had something due. Two nodes may do it at
 * once.
 */
export function keyRotation(store: Store, vault: Vault, schedule: KeySchedule): () => Promise<number> {
  const due = store.prepare(
    `SELECT DISTINCT k.tenant_id FROM signing_keys k
     WHERE (k.state = 'next' AND k.activates_at <= ?) OR (k.state = 'previous' AND k.retires_at <= ?)
        OR (k.state = 'current' AND k.activates_at <= ? AND NOT EXISTS (
              SELECT 1 FROM signing_keys n WHERE n.tenant_id = k.tenant_id AND n.alg = k.alg AND n.state = 'next'))`,
  );
  return async () => {
    const now = Date.now();
    const rows = await due.all(now, now, now - (schedule.rotation - schedule.publish) * 1000);
    for (const row of rows) await advance(store, vault, row['tenant_id'] as string, schedule);
    return rows.length;
  };
}
