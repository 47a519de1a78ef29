import { Conflict, NotFound } from '../../kernel/errors.js';
import { revokeFamilyIn } from '../../revocations/index.js';
import { tenantDb, type Store, type TenantDb, type Vault } from '../../store/index.js';
import { touchTenant } from '../../tenants/index.js';
import {
  insertCurrentKeys,
  listKeys,
  lockKeys,
  type KeyInfo,
  type KeySchedule,
  type KeyState,
} from './rotation.js';
import { makeKey, type NewKey } from './make.js';

/** Which keys somebody else may have: one, or all that the tenant uses. */
export type Leaked = { kid: string } | 'all';

/**
 * The family of every token that is derived from another (`POST /api/Client/IssueToken`, token exchange). It is revoked
 * with each key: a thief can sign a token with a stolen key and derive others from it, which are opaque or which another
 * key signs.
 */
export const DERIVED = 'derived';

const USED: ReadonlySet<KeyState> = new Set<KeyState>(['current', 'next', 'previous']);

/** @throws NotFound */
function chosen(keys: readonly KeyInfo[], leaked: Leaked): KeyInfo[] {
  if (leaked === 'all') return keys.filter(({ state }) => USED.has(state));
  const key = keys.find(({ kid }) => kid === leaked.kid);
  if (!key) throw new NotFound('kid', `there is no signing key "${leaked.kid}" in this tenant`);
  return [key];
}

/**
 * Makes the keys that take over from those that are revoked, before the transaction: making an RSA key takes long. Always
 * new ones: a `next` key is kept in the same place as the key that has leaked.
 * @throws NotFound
 */
export async function makeSuccessors(store: Store, tenantId: string, leaked: Leaked): Promise<NewKey[]> {
  const signing = chosen(await listKeys(store, tenantId), leaked).filter(
    ({ state }) => state === 'current' || state === 'next',
  );
  return Promise.all([...new Set(signing.map(({ alg }) => alg))].map(makeKey));
}

/**
 * Revokes keys: they leave the key set and every check, on every node as soon as it sees that the tenant has changed. Keys
 * that signed are replaced at once; the `next` keys of their algorithms go with them.
 * @param made what `makeSuccessors` made for the same keys.
 * @throws NotFound; Conflict where the keys have changed since
 */
export async function revokeKeysIn(
  db: TenantDb,
  vault: Vault,
  { longestToken }: KeySchedule,
  leaked: Leaked,
  made: readonly NewKey[],
): Promise<void> {
  const keys = await lockKeys(db);
  const named = chosen(keys, leaked).filter(({ state }) => state !== 'revoked');
  if (named.length === 0) return;
  const signed = new Set(named.filter(({ state }) => state === 'current').map(({ alg }) => alg));
  const gone = keys.filter((key) => named.includes(key) || (key.state === 'next' && signed.has(key.alg)));
  const successors = made.filter(({ alg }) => signed.has(alg));
  if (successors.length < signed.size)
    throw new Conflict('kid', 'the keys have changed in the meantime; list them and try again');
  const now = Date.now();
  await db
    .from('signing_keys')
    .whereIn(
      'kid',
      gone.map(({ kid }) => kid),
    )
    .update({ state: 'revoked', sealed_private_jwk: '', retires_at: now });
  await insertCurrentKeys(db, vault, successors);
  await revokeFamilyIn(db, DERIVED, now + longestToken * 1000);
}

/** The same in a transaction of its own. @throws NotFound, Conflict */
export async function revokeKeys(
  store: Store,
  vault: Vault,
  tenantId: string,
  schedule: KeySchedule,
  leaked: Leaked,
): Promise<void> {
  const made = await makeSuccessors(store, tenantId, leaked);
  await store.transaction(async (trx) => {
    await revokeKeysIn(tenantDb(trx, tenantId), vault, schedule, leaked, made);
    await touchTenant(trx, tenantId);
  });
}

/** What the revocation of a signing key ends, and what it does not. */
export const REVOKED_KEY_ENDS: readonly string[] = [
  'Every JWT access token and every ID token that a revoked key signed is refused: by introspection, userinfo, the management API and MQTT, and as a hint at sign-in and sign-out.',
  'Devices that signed in over MQTT with such a token may do nothing more. Tokens that were derived from others, by exchange or by IssueToken, are revoked.',
  'Opaque access tokens, refresh tokens and sessions are not signed and stay valid: applications get new tokens with them.',
  'An API that checks tokens with a key set that it keeps accepts a revoked key until it reads the set again (at most as long as the Cache-Control of /.well-known/jwks.json says, 5 minutes). Restart the APIs that must not wait.',
];
