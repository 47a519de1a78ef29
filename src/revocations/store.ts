import { queueMessage } from '../jobs/index.js';
import type { Store, TenantDb } from '../store/index.js';

/** What tokens can be ended by, all that were issued until then at once. */
export type Ended = 'user' | 'client' | 'tenant';

/** What a token says of itself, as far as its end depends on it. */
export interface Issued {
  /** When the request that it came of began, in epoch milliseconds. */
  at: number;
  jti: string;
  clientId: string;
  /** Absent from a client's own token. */
  userKey?: string | undefined;
  /** The tokens of one sign-in at one client. */
  family?: string | undefined;
}

/**
 * A JWT is kept nowhere, so its end is written down instead: one row for whatever ended, with the time, however many
 * tokens there are. A token is dead when something that it belongs to was ended after the request began that made it;
 * so a change and a token that is issued while it happens end with the token dead. Every look goes to the store: an
 * end counts at once on every node.
 */
export interface Revocations {
  /** Ends one token. The row goes when the token would have expired (epoch milliseconds). */
  revokeToken(tenantId: string, jti: string, expiresAt: number): Promise<void>;
  /** Ends a family; `expiresAt` is when the last token that it can have now expires. */
  revokeFamily(tenantId: string, family: string, expiresAt: number): Promise<void>;
  isRevoked(tenantId: string, issued: Issued): Promise<boolean>;
  /** Whether a family was ended since then (epoch milliseconds). */
  isFamilyRevoked(tenantId: string, family: string, since: number): Promise<boolean>;
}

export function openRevocations(store: Store): Revocations {
  const write = store.prepare(
    `INSERT INTO revocations (tenant_id, kind, id, revoked_at, expires_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (tenant_id, kind, id) DO UPDATE SET revoked_at = excluded.revoked_at, expires_at = excluded.expires_at`,
  );
  const since = 'SELECT 1 FROM revocations WHERE tenant_id = ? AND kind = ? AND id = ? AND revoked_at >= ?';
  const ofUser = store.prepare(
    `SELECT 1 AS dead WHERE EXISTS (${since}) OR EXISTS (${since}) OR EXISTS (${since}) OR EXISTS (${since}) OR EXISTS (${since})`,
  );
  const ofClient = store.prepare(
    `SELECT 1 AS dead WHERE EXISTS (${since}) OR EXISTS (${since}) OR EXISTS (${since})`,
  );
  const one = store.prepare(since);
  return {
    isFamilyRevoked: async (tenantId, family, at) =>
      (await one.first(tenantId, 'family', family, at)) !== undefined,
    revokeToken: async (tenantId, jti, expiresAt) =>
      void (await write.run(tenantId, 'token', jti, Date.now(), expiresAt)),
    revokeFamily: async (tenantId, family, expiresAt) =>
      void (await write.run(tenantId, 'family', family, Date.now(), expiresAt)),
    async isRevoked(tenantId, { at, jti, clientId, userKey, family }) {
      const always = [
        tenantId,
        'token',
        jti,
        0,
        tenantId,
        'client',
        clientId,
        at,
        tenantId,
        'tenant',
        '',
        at,
      ];
      const dead =
        userKey === undefined
          ? await ofClient.first(...always)
          : await ofUser.first(
              ...always,
              ...[tenantId, 'user', userKey, at],
              ...[tenantId, 'family', family ?? '', at],
            );
      return dead !== undefined;
    },
  };
}

/** A message that a user's sessions until then (`until`, epoch milliseconds) have ended: whoever they were at is to hear it. */
export const USER_ENDED = 'user_ended';

export interface UserEnded {
  userKey: string;
  until: number;
}

/**
 * Ends every token, code and session of a user, every token and code of a client, or all of a tenant. Call it in the
 * transaction of the change that is the reason.
 */
export async function revokeAllOf(db: TenantDb, kind: Ended, id = ''): Promise<void> {
  const now = Date.now();
  await db.put('revocations', ['kind', 'id'], { kind, id, revoked_at: now, expires_at: null });
  if (kind === 'user') await queueMessage(db, USER_ENDED, { userKey: id, until: now } satisfies UserEnded);
}

const endIn =
  (kind: 'family' | 'token') =>
  (db: TenantDb, id: string, expiresAt: number): Promise<void> =>
    db.put('revocations', ['kind', 'id'], { kind, id, revoked_at: Date.now(), expires_at: expiresAt });

/** Ends a family; `expiresAt` is when the last token that it can have now expires. */
export const revokeFamilyIn = endIn('family');

/** Ends one token, by its jti, in the transaction of the change that is the reason. */
export const revokeTokenIn = endIn('token');
