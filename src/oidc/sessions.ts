import type { AdapterPayload } from 'oidc-provider';
import { ACCOUNT_CLIENT_ID, findClient } from '../clients/index.js';
import { longestLife, type Config } from '../config.js';
import { queueMessage, type Deliver } from '../jobs/index.js';
import { NotFound } from '../kernel/errors.js';
import { parse } from '../kernel/json.js';
import { revokeFamilyIn, userRevokedAt, type UserEnded } from '../revocations/index.js';
import { tenantTransaction, type Row, type Store, type TenantDb } from '../store/index.js';
import type { Device } from './adapter.js';
import type { Access } from '../users/index.js';
import { familyOf } from './derived-token.js';
import { BACK_CHANNEL_LOGOUT, logoutRoute, type Ended } from './logout/back-channel.js';

/** Where a person is signed in. Times are epoch milliseconds. */
export interface LiveSession {
  /** Names the session to those who look after it; it opens nothing. */
  uid: string;
  signedInAt: number;
  expiresAt: number;
  /** The applications that it was used at. */
  clients: string[];
  /** The browser, as it names itself (`User-Agent`). */
  agent: string | null;
  /** From where it was used last. */
  address: string | null;
}

/** What a person allows an application. Times are epoch milliseconds. */
export interface LiveGrant {
  clientId: string;
  scopes: string[];
  allowedAt: number;
}

const rowsOf = async (db: TenantDb, model: string, userKey: string): Promise<Row[]> =>
  (await db
    .from('oidc_artifacts')
    .where({ model, account_id: userKey })
    .where((live) => void live.whereNull('expires_at').orWhere('expires_at', '>', Date.now()))
    .orderBy('created_at')) as Row[];

/** Rows from before generations have the time instead (migrations/0027). */
const generationOfRow = ({ generation, created_at: createdAt }: Row): number =>
  Number(generation ?? Number(createdAt) - 1);

const payloadOf = (row: Row): AdapterPayload => parse<AdapterPayload>(row['payload']);

/** What the adapter adds to a session that is saved. */
type SessionPayload = AdapterPayload & { device?: Device };

/** Whether somebody is still signed in in a session, as a transaction sees it. */
export async function sessionLives(db: TenantDb, uid: string, userKey: string): Promise<boolean> {
  const row = (await rowsOf(db, 'Session', userKey)).find((each) => each['uid'] === uid);
  if (!row) return false;
  const ended = db
    .from('revocations')
    .where('generation', '>', generationOfRow(row))
    .where((either) => void either.where({ kind: 'user', id: userKey }).orWhere({ kind: 'tenant' }));
  return (await ended.first('id')) === undefined;
}

export async function listSessions(db: TenantDb, userKey: string): Promise<LiveSession[]> {
  return (await rowsOf(db, 'Session', userKey)).map((row) => {
    const { loginTs, iat = 0, authorizations = {}, device } = payloadOf(row) as SessionPayload;
    return {
      uid: row['uid'] as string,
      signedInAt: (loginTs ?? iat) * 1000,
      expiresAt: row['expires_at'] as number,
      clients: Object.keys(authorizations).filter((clientId) => clientId !== ACCOUNT_CLIENT_ID),
      agent: device?.agent ?? null,
      address: device?.address ?? null,
    };
  });
}

/**
 * Ends sessions of a user: what hangs on one ends with it, offline access where the client wants that, and applications
 * hear of it by their back channel. Call it in a transaction.
 * @param which one, by its uid, or those that a revocation of the user (its generation) has ended.
 * @param longest seconds that a token lives at the most.
 * @returns how many there were.
 */
export async function endSessions(
  db: TenantDb,
  userKey: string,
  which: { uid?: string | undefined; revokedAt?: number },
  longest: number,
): Promise<number> {
  const { uid, revokedAt = Infinity } = which;
  const ended = (await rowsOf(db, 'Session', userKey)).filter(
    (row) => (uid === undefined || row['uid'] === uid) && generationOfRow(row) < revokedAt,
  );
  for (const row of ended) {
    const session = row['uid'] as string;
    await db.from('oidc_artifacts').where({ id: row['id'] }).delete();
    await db.from('oidc_artifacts').where({ uid: session, model: 'AuthorizationCode' }).delete();
    for (const [clientId, { sid, grantId }] of Object.entries(payloadOf(row).authorizations ?? {})) {
      if (sid !== undefined)
        await queueMessage(
          db,
          BACK_CHANNEL_LOGOUT,
          { clientId, sub: userKey, sid } satisfies Ended,
          logoutRoute(clientId),
        );
      if (grantId !== undefined && (await endsOfflineAccess(db, clientId)))
        await endShare(db, grantId, session, longest);
    }
  }
  return ended.length;
}

/** Ends and takes out all that hangs on a person: sessions, of which applications hear, grants, codes and tokens. */
export async function forgetAccess(db: TenantDb, userKey: string, longest: number): Promise<void> {
  await endSessions(db, userKey, {}, longest);
  await db.deleteAll('oidc_artifacts', { account_id: userKey });
}

const endsOfflineAccess = (db: TenantDb, clientId: string): Promise<boolean> =>
  findClient(db, clientId).then(
    ({ settings }) => settings.endOfflineAccessOnSignOut ?? false,
    (error: unknown) => {
      if (error instanceof NotFound) return false;
      throw error;
    },
  );

/** Ends what an application got from one session, and what it can still get with that. */
export async function endShare(
  db: TenantDb,
  grantId: string,
  sessionUid: string,
  longest: number,
): Promise<void> {
  await db
    .from('oidc_artifacts')
    .where({ grant_id: grantId, uid: sessionUid })
    .whereIn('model', ['RefreshToken', 'AccessToken', 'AuthorizationCode'])
    .delete();
  await revokeFamilyIn(db, familyOf(grantId, sessionUid), Date.now() + longest * 1000);
}

/** One line for each application: what the person chose for it, and what it got without being asked about. */
export async function listGrants(db: TenantDb, userKey: string): Promise<LiveGrant[]> {
  const byClient = new Map<string, LiveGrant>();
  for (const row of await rowsOf(db, 'Grant', userKey)) {
    const clientId = row['client_id'] as string;
    if (clientId === ACCOUNT_CLIENT_ID) continue;
    const { openid, resources = {} } = payloadOf(row) as {
      openid?: { scope?: string };
      resources?: Record<string, string>;
    };
    const scopes = [openid?.scope, ...Object.values(resources)].flatMap((scope) => scope?.split(' ') ?? []);
    const before = byClient.get(clientId);
    byClient.set(clientId, {
      clientId,
      scopes: [...new Set([...(before?.scopes ?? []), ...scopes])],
      allowedAt: before?.allowedAt ?? (row['created_at'] as number),
    });
  }
  return [...byClient.values()];
}

/**
 * Takes back what a user allowed an application: with the grant ends every token of it, and the next sign-in there asks
 * anew.
 * @returns how many applications that were: one, or none.
 */
export async function endGrants(db: TenantDb, userKey: string, clientId: string): Promise<number> {
  const grants = (await rowsOf(db, 'Grant', userKey)).filter((row) => row['client_id'] === clientId);
  for (const row of grants) await db.deleteAll('oidc_artifacts', { grant_id: row['grant_id'] });
  return Math.min(grants.length, 1);
}

/** The same, for rooms that do not know where it is kept. */
export const accessOf = (config: Config): Access => ({
  sessionsOf: listSessions,
  grantsOf: listGrants,
  forget: (db, userKey) => forgetAccess(db, userKey, longestLife(config)),
});

/** Follows the end of a user (disabled, another password) with the end of the sessions until then. */
export const userEndedDelivery =
  (store: Store, longest: number): Deliver =>
  async ({ tenantId, payload }) => {
    const { userKey } = payload as UserEnded;
    await tenantTransaction(store, tenantId, async (db) => {
      const revokedAt = await userRevokedAt(db, userKey);
      await endSessions(db, userKey, { revokedAt }, longest);
    });
  };
