import type { Knex } from 'knex';
import { BUILT_IN_CLIENT_IDS, isBuiltInClient } from '../clients/index.js';
import { Conflict, Invalid } from '../kernel/errors.js';
import { foldName, isSubject } from '../kernel/names.js';
import type { Row, Store, TenantDb } from '../store/index.js';

/**
 * Tokens carry three kinds of names: the `sub` of users, their user names, and the ids of clients. MQTT and APIs take each for
 * whose it is, so in a tenant no name is two of them. A `sub` is a uuid, and no client's id is one (clients/rules.ts).
 */
export interface CarriedNames {
  userKey: string;
  userName: string;
}

const isAnothersSubject = ({ userKey, userName }: CarriedNames): boolean =>
  isSubject(userName) && userName !== userKey;

/** Refuses a user name that has the form of a `sub`, unless it is the user's own. @throws Invalid */
export function checkNoSubject(names: CarriedNames): void {
  if (isAnothersSubject(names))
    throw new Invalid(
      'userName',
      'must not be a uuid, because the users’ userKeys are; choose a name, or leave it out for a new user',
    );
}

export const takenByClient = (userName: string): Conflict =>
  new Conflict('userName', `"${userName}" is a client’s id; choose another user name`);

/** Those of these user names that are ids of clients. No client gets one of the others before the transaction ends. */
export async function clientsNamed(db: TenantDb, userNames: readonly string[]): Promise<Set<string>> {
  await db.lockNames(userNames);
  const rows = await db.among(db.from('clients'), 'client_id', userNames).select<Row[]>('client_id');
  return new Set([
    ...rows.map((row) => row['client_id'] as string),
    ...userNames.filter((userName) => isBuiltInClient(userName)),
  ]);
}

/** @throws Conflict */
export async function checkNoClients(db: TenantDb, userNames: readonly string[]): Promise<void> {
  const [taken] = await clientsNamed(db, userNames);
  if (taken !== undefined) throw takenByClient(taken);
}

/** A user who may sign in, by what tokens may call the user. */
export interface CalledUser {
  /** Undefined where it is from before these rules, and is another's `sub` or a client's id. */
  userName: string | undefined;
}

/** The hot look-up of what a user's tokens may be called, in one statement; undefined for a user who may not sign in. */
export function calledUserFinder(
  store: Store,
): (tenantId: string, userKey: string) => Promise<CalledUser | undefined> {
  const select = store.prepare(
    `SELECT u.user_name, u.enabled, EXISTS (
       SELECT 1 FROM clients c WHERE c.tenant_id = u.tenant_id AND c.client_id = u.user_name
     ) AS is_client
     FROM users u WHERE u.tenant_id = ? AND u.user_key = ? AND u.deleted_at IS NULL`,
  );
  return async (tenantId, userKey) => {
    const row = await select.first(tenantId, userKey);
    if (!row?.['enabled']) return undefined;
    const userName = row['user_name'] as string;
    const isAnothers = isAnothersSubject({ userKey, userName }) || isBuiltInClient(userName);
    return { userName: isAnothers || row['is_client'] ? undefined : userName };
  };
}

/**
 * Whether a text is a name that tokens of others carry: a user's name or `sub`, in any case, or a client's id. In one statement.
 * @param sub whose own names do not count: a user's `sub`, or a client's id.
 */
export function othersNameFinder(
  store: Store,
): (tenantId: string, name: string, sub: string) => Promise<boolean> {
  const select = store.prepare(
    `SELECT 1 FROM clients WHERE tenant_id = ? AND client_id = ? AND client_id <> ?
     UNION ALL
     SELECT 1 FROM users WHERE tenant_id = ? AND user_name_key = ? AND deleted_at IS NULL AND user_key <> ?
     UNION ALL
     SELECT 1 FROM users WHERE tenant_id = ? AND user_key IN (?, ?) AND deleted_at IS NULL AND user_key <> ?`,
  );
  return async (tenantId, name, sub) => {
    if (isBuiltInClient(name)) return true;
    const key = foldName(name);
    const ofClient = [tenantId, name, sub];
    const ofUser = [tenantId, key, sub];
    return (await select.first(...ofClient, ...ofUser, tenantId, name, key, sub)) !== undefined;
  };
}

/** The user name as a claim tells it; null where it has the form of another's `sub`. */
export const claimedUserName = (names: CarriedNames): string | null =>
  isAnothersSubject(names) ? null : names.userName;

/** A user whose name an operator should change. */
export interface ClashingName {
  tenant: string;
  userName: string;
  problem: string;
}

/** User names of all tenants that came to be before there were rules about them, and are left out of what tokens are called. */
export async function clashingNames(knex: Knex): Promise<ClashingName[]> {
  const users = () =>
    knex('users as u')
      .join('tenants as t', 't.id', 'u.tenant_id')
      .whereNull('u.deleted_at')
      .orderBy(['t.name', 'u.user_name'])
      .select<Row[]>('t.name as tenant', 'u.user_name', 'u.user_key');
  const like = await users().where('u.user_name', 'like', '________-____-____-____-____________');
  const subjects = like.filter((row) =>
    isAnothersSubject({ userKey: row['user_key'] as string, userName: row['user_name'] as string }),
  );
  const clients = await users().whereExists(
    knex('clients as c').whereRaw('c.tenant_id = u.tenant_id AND c.client_id = u.user_name'),
  );
  const ours = await users().whereIn('u.user_name', [...BUILT_IN_CLIENT_IDS]);
  const listed = (rows: Row[], problem: string): ClashingName[] =>
    rows.map((row) => ({ tenant: String(row['tenant']), userName: String(row['user_name']), problem }));
  return [
    ...listed(subjects, 'it has the form of a userKey'),
    ...listed([...clients, ...ours], 'it is a client’s id as well'),
  ];
}
