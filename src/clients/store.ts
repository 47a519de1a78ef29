import type { Knex } from 'knex';
import { isDeepStrictEqual } from 'node:util';
import { ownedBy, type Actor } from '../api/index.js';
import {
  isOthers,
  MANAGEMENT_API,
  reservationOf,
  type ReservedAudiences,
  type WordHolders,
} from '../api-resources/index.js';
import { holdsEverything, keepWayIn } from '../roles/index.js';
import { BASE_ALGS } from '../kernel/algorithms.js';
import { Conflict, Invalid, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import { foldName } from '../kernel/names.js';
import { revokeAllOf } from '../revocations/index.js';
import {
  addSecret,
  CLIENT_SECRETS,
  keepSecrets,
  secretsOf,
  toSecret,
  type NewSecret,
  type Secret,
} from '../secrets/index.js';
import { uniquely, type Row, type Statement, type Store, type TenantDb, type Vault } from '../store/index.js';
import { checkClient } from './rules.js';
import {
  BUILT_IN_CLIENT_IDS,
  hasSecrets,
  type Client,
  type ClientSettings,
  type NewClient,
} from './schema.js';

export const toClient = (row: Row, secrets: Secret[]): Client => ({
  id: row['id'] as string,
  clientId: row['client_id'] as string,
  clientName: row['client_name'] as string,
  description: row['description'] as string | null,
  enabled: Boolean(row['enabled']),
  settings: parse<ClientSettings>(row['settings']),
  properties: parse<Record<string, string>>(row['properties']),
  owner: row['owner_user_key'] as string | null,
  secrets,
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

/** The hot look-up: one client of one tenant with its secrets, by client id. */
export function clientFinder(
  store: Store,
): (tenantId: string, clientId: string) => Promise<Client | undefined> {
  const client: Statement = store.prepare('SELECT * FROM clients WHERE tenant_id = ? AND client_id = ?');
  const secrets: Statement = store.prepare(
    'SELECT * FROM client_secrets WHERE tenant_id = ? AND client_row_id = ? ORDER BY created_at',
  );
  return async (tenantId, clientId) => {
    const row = await client.first(tenantId, clientId);
    if (!row) return undefined;
    return toClient(row, (await secrets.all(tenantId, row['id'] as string)).map(toSecret));
  };
}

/** A client with the name of its tenant. */
export interface NamedClient {
  tenant: string;
  clientId: string;
}

/**
 * Clients of any tenant that were registered under an id which the product uses itself by now. Nobody reaches them under
 * it; the row is there until an administrator deletes it.
 * @returns the names of their tenants, and their ids.
 */
export async function clientsWithBuiltInIds(knex: Knex): Promise<NamedClient[]> {
  return clientsOfAll(knex, BUILT_IN_CLIENT_IDS);
}

/** Clients of any tenant from before their ids were reserved as audiences: of the management API, and of the devices'. */
export const clientsWithAudiences = (knex: Knex, devices: string): Promise<NamedClient[]> =>
  clientsOfAll(knex, [MANAGEMENT_API, devices]);

async function clientsOfAll(knex: Knex, clientIds: readonly string[]): Promise<NamedClient[]> {
  const rows: Row[] = await knex('clients')
    .join('tenants', 'tenants.id', 'clients.tenant_id')
    .whereIn('clients.client_id', [...clientIds])
    .orderBy(['tenants.name', 'clients.client_id'])
    .select('tenants.name', 'clients.client_id');
  return rows.map((row) => ({ tenant: row['name'] as string, clientId: row['client_id'] as string }));
}

export async function listClients(db: TenantDb): Promise<Client[]> {
  const rows = (await db.from('clients').orderBy('client_id')) as Row[];
  return rows.map((row) => toClient(row, []));
}

async function found(db: TenantDb, which: string, row: Row | undefined): Promise<Client> {
  if (!row) throw new NotFound('client', `there is no client "${which}" in this tenant`);
  return toClient(row, await secretsOf(db, CLIENT_SECRETS, row['id'] as string));
}

/** By client id. @throws NotFound */
export const findClient = async (db: TenantDb, clientId: string): Promise<Client> =>
  found(db, clientId, (await db.from('clients').where({ client_id: clientId }).first()) as Row | undefined);

/** What a client may ask for, and whose it is, as a transaction sees it; undefined for one that is disabled or gone. */
export async function rightsOfClient(
  db: TenantDb,
  clientId: string,
): Promise<{ scopes: readonly string[]; owner: string | null } | undefined> {
  const row = await db
    .from('clients')
    .where({ client_id: clientId, enabled: true })
    .first<Row | undefined>('settings', 'owner_user_key');
  if (!row) return undefined;
  return {
    scopes: parse<ClientSettings>(row['settings']).scopes,
    owner: row['owner_user_key'] as string | null,
  };
}

/** By the row's id. @param owner where only the clients of this user are to be seen. @throws NotFound */
export const findClientById = async (db: TenantDb, id: string, owner?: string): Promise<Client> =>
  found(db, id, (await ownedBy(db, 'clients', owner).where({ id }).first()) as Row | undefined);

/** The same, and nobody else changes it before the transaction ends. @throws NotFound */
export const lockClient = async (db: TenantDb, id: string, owner?: string): Promise<Client> =>
  found(db, id, (await ownedBy(db, 'clients', owner).where({ id }).forUpdate().first()) as Row | undefined);

/** Whether the tenant may be managed by this client. */
const mayBeWayIn = ({ enabled, settings }: Client): boolean => enabled && holdsEverything(settings.scopes);

const columnsOf = (client: NewClient): Record<string, unknown> => ({
  client_name: client.clientName,
  description: client.description ?? null,
  enabled: client.enabled ?? true,
  settings: JSON.stringify(client.settings),
  properties: JSON.stringify(client.properties ?? {}),
  owner_user_key: client.owner ?? null,
});

/**
 * A client's id is the audience of its ID tokens, so no API may have it, and it is none that is reserved. Holds the tenant until the transaction ends, because
 * an API may come to the same audience meanwhile (api-resources/audiences.ts).
 * @throws Conflict
 */
async function checkNoAudience(db: TenantDb, clientId: string, reserved: ReservedAudiences): Promise<void> {
  const isTaken = (whose: string): Conflict =>
    new Conflict('clientId', `"${clientId}" is ${whose}; choose another client id`);
  const reservation = reservationOf(clientId, reserved);
  if (reservation !== undefined) throw isTaken(reservation);
  await db.lockTenant();
  const api = await db.from('api_resources').where({ audience: clientId }).first<Row | undefined>('name');
  if (api) throw isTaken(`the audience of the API "${String(api['name'])}"`);
}

/**
 * A client's own tokens carry its id, and a user's carry the user name, so no user may have it (users/carried-names.ts).
 * @throws Conflict
 */
async function checkNoUserName(db: TenantDb, clientId: string): Promise<void> {
  await db.lockNames([clientId]);
  const user = await db
    .from('users')
    .whereNull('deleted_at')
    .where({ user_name_key: foldName(clientId), user_name: clientId })
    .first<Row | undefined>('id');
  if (user) throw new Conflict('clientId', `"${clientId}" is a user’s name; choose another client id`);
}

/**
 * Refuses a caller's new client whose id only case tells from one of another's: from another's client, or from the audience of
 * another's API. Confined callers are told so of all that is not theirs, others of what a developer has. Call it once the
 * client is written: it is written while the tenant is held.
 * @throws Conflict
 */
export async function checkIdInAnyCase(
  db: TenantDb,
  actor: Actor | undefined,
  { clientId, owner }: Pick<Client, 'clientId' | 'owner'>,
  holders: WordHolders,
): Promise<void> {
  for (const [table, column] of [
    ['clients', 'client_id'],
    ['api_resources', 'audience'],
  ] as const) {
    const rows = await db
      .from(table)
      .whereRaw('LOWER(??) = ?', [column, foldName(clientId)])
      .whereNot({ [column]: clientId })
      .select<Row[]>(`${column} as name`, 'owner_user_key as owner');
    for (const theirs of rows)
      if (await isOthers({ db, actor, owner, holders }, theirs['owner'] as string | null))
        throw new Conflict(
          'clientId',
          `"${clientId}" differs from "${String(theirs['name'])}", which is another’s, in case only; choose another client id`,
        );
  }
}

/** The settings that say by which algorithm the server signs for the client. */
const SIGNED_BY_SERVER = ['idTokenSignedResponseAlg', 'introspectionSignedResponseAlg'] as const;

/** Refuses an algorithm that the tenant has no key for: the client would get no token. @throws Invalid */
async function checkKeys(db: TenantDb, settings: ClientSettings, before?: ClientSettings): Promise<void> {
  for (const name of SIGNED_BY_SERVER) {
    const alg = settings[name];
    if (alg === undefined || alg === before?.[name] || BASE_ALGS.includes(alg)) continue;
    const key = (await db.from('signing_keys').where({ alg, state: 'current' }).first('kid')) as unknown;
    if (key === undefined)
      throw new Invalid(name, `the tenant has no key for ${alg}; run: npx gatehouse keys add ${alg}`);
  }
}

/** @throws Invalid, Conflict */
export async function insertClient(
  db: TenantDb,
  client: NewClient,
  reserved: ReservedAudiences,
): Promise<string> {
  checkClient(client);
  await checkKeys(db, client.settings);
  // The lock of a name before that of the tenant: what makes a user may change the tenant afterwards.
  await checkNoUserName(db, client.clientId);
  await checkNoAudience(db, client.clientId, reserved);
  const id = newId();
  const now = Date.now();
  const row = {
    id,
    client_id: client.clientId,
    ...columnsOf(client),
    created_at: now,
    updated_at: now,
  };
  const taken = `there is a client "${client.clientId}" already`;
  await uniquely({ clients_client_id: ['clientId', taken] }, () => db.insert('clients', row));
  return id;
}

/**
 * Writes a client as it is now; take it by `lockClient`. One that is enabled or disabled loses what it was given until now.
 * @throws Invalid, Conflict where nobody could manage the tenant any more
 */
export async function writeClient(db: TenantDb, before: Client, client: Client): Promise<void> {
  // A row that is older than a rule can be disabled, or described otherwise, before it is corrected.
  if (!isDeepStrictEqual(client.settings, before.settings) || client.clientName !== before.clientName)
    checkClient(client, before.settings);
  await checkKeys(db, client.settings, before.settings);
  await keepWayIn(
    db,
    () => mayBeWayIn(before),
    async () =>
      void (await db
        .from('clients')
        .where({ id: client.id })
        .update({ ...columnsOf(client), updated_at: Date.now() })),
  );
  if (before.enabled !== client.enabled) await revokeAllOf(db, 'client', client.clientId);
}

/** The same for an administrator: what changes by it, the client itself can not change back. @throws Invalid */
export async function replaceClient(db: TenantDb, before: Client, client: Client): Promise<void> {
  await writeClient(db, before, client);
  await settle(db, before, client);
}

/** Notes which settings an administrator has set of a client that has registered itself. */
async function settle(db: TenantDb, before: Client, client: Client): Promise<void> {
  const [was, is] = [before, client].map(({ clientName, settings }) => ({ ...settings, clientName }));
  const changed = Object.keys({ ...was, ...is }).filter(
    (key) => JSON.stringify(was?.[key as 'scopes']) !== JSON.stringify(is?.[key as 'scopes']),
  );
  if (changed.length === 0) return;
  const registration = db.from('client_registrations').where({ client_row_id: client.id });
  const row = (await registration.clone().first()) as Row | undefined;
  if (!row) return;
  const settled = [...new Set([...parse<string[]>(row['settled']), ...changed])];
  await registration.update({ settled: JSON.stringify(settled) });
}

/** A client by its client id, that nobody else changes before the transaction ends. @throws NotFound */
async function lockNamed(db: TenantDb, clientId: string): Promise<Client> {
  await db.lockRights('take');
  return lockClient(db, (await findClient(db, clientId)).id);
}

/** Replaces the settings. @throws Invalid, NotFound */
export async function updateClientSettings(
  db: TenantDb,
  clientId: string,
  settings: ClientSettings,
): Promise<void> {
  const client = await lockNamed(db, clientId);
  await replaceClient(db, client, { ...client, settings });
}

/** Lets a client ask or not. Either way what it was given until now ends. @throws NotFound */
export async function setClientEnabled(db: TenantDb, clientId: string, enabled: boolean): Promise<void> {
  const client = await lockNamed(db, clientId);
  await replaceClient(db, client, { ...client, enabled });
}

/**
 * What it was given ends with it: nobody who takes its name has its tokens.
 * @throws Conflict where nobody could manage the tenant any more
 */
export async function deleteClient(db: TenantDb, client: Client): Promise<void> {
  const { id, clientId } = client;
  await keepWayIn(
    db,
    () => mayBeWayIn(client),
    async () => void (await db.from('clients').where({ id }).delete()),
  );
  await revokeAllOf(db, 'client', clientId);
  // The next client of this id is another one, and nobody has allowed it anything.
  await db.from('oidc_artifacts').where({ model: 'Grant', client_id: clientId }).delete();
  await revokeAllOf(db, 'consent', clientId); // those that are being written
}

/** Removes every secret of a client that is not among these. @throws Invalid, Conflict like `deleteClient` */
export const keepClientSecrets = (db: TenantDb, client: Client, kept: readonly string[]): Promise<void> =>
  keepWayIn(
    db,
    () => mayBeWayIn(client),
    () => keepSecrets(db, CLIENT_SECRETS, client.id, kept),
  );

/**
 * Gives the client one more secret and answers it, for the only time.
 * @throws Invalid for a client that proves itself otherwise
 */
export async function giveSecret(
  db: TenantDb,
  vault: Vault,
  { id, clientId, settings }: Client,
  secret: NewSecret,
): Promise<Secret & { plaintext: string }> {
  if (!hasSecrets(settings.tokenEndpointAuthMethod))
    throw new Invalid(
      'tokenEndpointAuthMethod',
      `"${clientId}" authenticates by ${settings.tokenEndpointAuthMethod} and has no secrets; make it client_secret_basic`,
    );
  return addSecret(db, vault, CLIENT_SECRETS, id, secret);
}

/** Ends one secret of a client. What the client was given with it stays valid. @throws NotFound, Conflict like `deleteClient` */
export async function revokeClientSecret(db: TenantDb, clientId: string, secretId: string): Promise<void> {
  const client = await lockNamed(db, clientId);
  const gone = await keepWayIn<number>(
    db,
    () => mayBeWayIn(client),
    async () => db.from('client_secrets').where({ client_row_id: client.id, id: secretId }).delete(),
  );
  if (gone === 0)
    throw new NotFound(
      'secret',
      `"${clientId}" has no secret "${secretId}"; gatehouse client secret ${clientId} --list has them`,
    );
}

/** Ends every token and code that a client was given until now. @throws NotFound */
export const endTokensOfClient = async (db: TenantDb, clientId: string): Promise<void> =>
  revokeAllOf(db, 'client', (await findClient(db, clientId)).clientId);

/** What `giveSecret` does, by client id; `replace` removes the others first. @throws NotFound, Invalid */
export async function addClientSecret(
  db: TenantDb,
  vault: Vault,
  clientId: string,
  { secret, replace = false }: { secret?: string; replace?: boolean } = {},
): Promise<string> {
  const client = await findClient(db, clientId);
  if (replace) await db.from('client_secrets').where({ client_row_id: client.id }).delete();
  return (await giveSecret(db, vault, client, { plaintext: secret })).plaintext;
}
