import { queueMessage } from '../jobs/index.js';
import type { Row, Store, TenantDb } from '../store/index.js';

/**
 * What can be revoked as a whole, with all tokens that were issued until then. `consent` is what users have allowed a client:
 * it outlives the client's tokens, but not the client, whose id another may take. `scope` is what users have allowed of one
 * scope, whose name another may get, and `api` is what they have allowed at one API, whose indicator another may get.
 */
export type Ended = 'user' | 'client' | 'tenant' | 'consent' | 'scope' | 'api';

/** What a token says of itself, as far as its end depends on it. */
export interface Issued {
  /** The tenant's counter of revocations, as the request saw it that issued the token. */
  generation: number;
  jti: string;
  clientId: string;
  /** Absent from a client's own token. */
  userKey?: string | undefined;
  /** The tokens of one sign-in at one client. */
  family?: string | undefined;
}

/**
 * A JWT is kept nowhere, so its revocation is stored instead: one row for each revoked thing, however many tokens there
 * are. Clocks of nodes differ and step back, so rows are ordered by a counter of the tenant, its generation: the
 * database raises it with each revocation, in the same transaction (migrations/0027). A request reads the counter before
 * it checks anything, and what it issues carries that value. A token is dead when something that it belongs to has a
 * revocation of a later generation; so a revocation that happens while a token is issued ends that token. Every check goes
 * to the store: a revocation counts at once on every node.
 */
export interface Revocations {
  /** The tenant's counter now. */
  generation(tenantId: string): Promise<number>;
  /** Revokes one token. The row goes when the token would have expired (epoch milliseconds). */
  revokeToken(tenantId: string, jti: string, expiresAt: number): Promise<void>;
  /** Revokes a family; `expiresAt` is when the last token that it can have now expires. */
  revokeFamily(tenantId: string, family: string, expiresAt: number): Promise<void>;
  isRevoked(tenantId: string, issued: Issued): Promise<boolean>;
  /** Whether a client's tokens were ended after a generation. */
  clientEndedSince(tenantId: string, clientId: string, generation: number): Promise<boolean>;
  /**
   * The tenant's counter, and whether a key is not revoked, in one statement: a key that is revoked later ends what is
   * derived now from a token that it signed.
   * @param kid undefined for a token that the store has, which no key signed.
   * @returns undefined where the key is revoked, which a node may not have seen yet.
   */
  generationUnder(tenantId: string, kid: string | undefined): Promise<number | undefined>;
}

/** How long a row stays after its last token has expired: a node whose clock is ahead must not sweep it too early. */
const CLOCK_MARGIN_MS = 24 * 3600 * 1000;

export function openRevocations(store: Store): Revocations {
  const write = store.prepare(
    `INSERT INTO revocations (tenant_id, kind, id, revoked_at, expires_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (tenant_id, kind, id) DO UPDATE SET revoked_at = excluded.revoked_at, expires_at = excluded.expires_at`,
  );
  const counter = store.prepare('SELECT generation FROM revocation_counters WHERE tenant_id = ?');
  const underKey = store.prepare(
    `SELECT COALESCE((SELECT generation FROM revocation_counters WHERE tenant_id = ?), 0) AS generation,
       EXISTS (SELECT 1 FROM signing_keys WHERE tenant_id = ? AND kid = ? AND state = 'revoked') AS key_revoked`,
  );
  const token = "SELECT 1 FROM revocations WHERE tenant_id = ? AND kind = 'token' AND id = ?";
  const later = 'SELECT 1 FROM revocations WHERE tenant_id = ? AND kind = ? AND id = ? AND generation > ?';
  const ofUser = store.prepare(
    `SELECT 1 AS dead WHERE EXISTS (${token}) OR EXISTS (${later}) OR EXISTS (${later}) OR EXISTS (${later}) OR EXISTS (${later})`,
  );
  const ofClient = store.prepare(
    `SELECT 1 AS dead WHERE EXISTS (${token}) OR EXISTS (${later}) OR EXISTS (${later})`,
  );
  const clientEnded = store.prepare(later);
  const revoke = async (kind: string, tenantId: string, id: string, expiresAt: number): Promise<void> =>
    void (await write.run(tenantId, kind, id, Date.now(), expiresAt + CLOCK_MARGIN_MS));
  return {
    generation: async (tenantId) => Number((await counter.first(tenantId))?.['generation'] ?? 0),
    revokeToken: (tenantId, jti, expiresAt) => revoke('token', tenantId, jti, expiresAt),
    revokeFamily: (tenantId, family, expiresAt) => revoke('family', tenantId, family, expiresAt),
    async isRevoked(tenantId, { generation, jti, clientId, userKey, family }) {
      const always = [
        ...[tenantId, jti],
        ...[tenantId, 'client', clientId, generation],
        ...[tenantId, 'tenant', '', generation],
      ];
      const dead =
        userKey === undefined
          ? await ofClient.first(...always)
          : await ofUser.first(
              ...always,
              ...[tenantId, 'user', userKey, generation],
              ...[tenantId, 'family', family ?? '', generation],
            );
      return dead !== undefined;
    },
    clientEndedSince: async (tenantId, clientId, generation) =>
      (await clientEnded.first(tenantId, 'client', clientId, generation)) !== undefined,
    async generationUnder(tenantId, kid = '') {
      const now = await underKey.first(tenantId, tenantId, kid);
      return now?.['key_revoked'] ? undefined : Number(now?.['generation']);
    },
  };
}

/** A message that the sessions of a user were revoked: the applications that they were used at are told. */
export const USER_ENDED = 'user_ended';

export interface UserEnded {
  userKey: string;
}

/**
 * Revokes every token, code and session of a user, every token and code of a client, the consents for one, those to a scope
 * or at an API, or all of a tenant. Call it in the transaction of the change that is the reason.
 */
export async function revokeAllOf(db: TenantDb, kind: Ended, id = ''): Promise<void> {
  await db.put('revocations', ['kind', 'id'], { kind, id, revoked_at: Date.now(), expires_at: null });
  if (kind === 'user') await queueMessage(db, USER_ENDED, { userKey: id } satisfies UserEnded);
}

const revokeIn =
  (kind: 'family' | 'token') =>
  (db: TenantDb, id: string, expiresAt: number): Promise<void> =>
    db.put('revocations', ['kind', 'id'], {
      kind,
      id,
      revoked_at: Date.now(),
      expires_at: expiresAt + CLOCK_MARGIN_MS,
    });

/** Revokes a family; `expiresAt` is when the last token that it can have now expires. */
export const revokeFamilyIn = revokeIn('family');

/** Revokes one token, by its jti, in the transaction of the change that is the reason. */
export const revokeTokenIn = revokeIn('token');

/** Those of these that were revoked, each with the generation of that. */
export async function revokedAmong(
  db: TenantDb,
  kind: Ended,
  ids: readonly string[],
): Promise<Map<string, number>> {
  const revoked = db.among(db.from('revocations').where({ kind }), 'id', ids);
  const rows: Row[] = await revoked.select('id', 'generation');
  return new Map(rows.map((row) => [row['id'] as string, Number(row['generation'])]));
}

/** The generation of a user's last revocation; 0 where there was none. */
export async function userRevokedAt(db: TenantDb, userKey: string): Promise<number> {
  const row = (await db.from('revocations').where({ kind: 'user', id: userKey }).first()) as
    { generation: number } | undefined;
  return Number(row?.generation ?? 0);
}
