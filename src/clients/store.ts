import type { Knex } from 'knex';
import { ownedBy } from '../api/index.js';
import { Invalid, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import { revokeAllOf } from '../revocations/index.js';
import {
  addSecret,
  CLIENT_SECRETS,
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

/**
 * Clients of any tenant that were registered under an id which the product uses itself by now. Nobody reaches them under
 * it; the row is there until an administrator deletes it.
 * @returns the names of their tenants, and their ids.
 */
export async function clientsWithBuiltInIds(knex: Knex): Promise<{ tenant: string; clientId: string }[]> {
  const rows: Row[] = await knex('clients')
    .join('tenants', 'tenants.id', 'clients.tenant_id')
    .whereIn('clients.client_id', [...BUILT_IN_CLIENT_IDS])
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

/** By the row's id. @param owner where only the clients of this user are to be seen. @throws NotFound */
export const findClientById = async (db: TenantDb, id: string, owner?: string): Promise<Client> =>
  found(db, id, (await ownedBy(db, 'clients', owner).where({ id }).first()) as Row | undefined);

/** The same, and nobody else changes it before the transaction ends. @throws NotFound */
export const lockClient = async (db: TenantDb, id: string, owner?: string): Promise<Client> =>
  found(db, id, (await ownedBy(db, 'clients', owner).where({ id }).forUpdate().first()) as Row | undefined);

const columnsOf = (client: NewClient): Record<string, unknown> => ({
  client_name: client.clientName,
  description: client.description ?? null,
  enabled: client.enabled ?? true,
  settings: JSON.stringify(client.settings),
  properties: JSON.stringify(client.properties ?? {}),
  owner_user_key: client.owner ?? null,
});

/** @throws Invalid, Conflict */
export async function insertClient(db: TenantDb, client: NewClient): Promise<string> {
  checkClient(client);
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
 * @throws Invalid
 */
export async function replaceClient(db: TenantDb, before: Client, client: Client): Promise<void> {
  checkClient(client);
  await db
    .from('clients')
    .where({ id: client.id })
    .update({ ...columnsOf(client), updated_at: Date.now() });
  if (before.enabled !== client.enabled) await revokeAllOf(db, 'client', client.clientId);
}

/** Replaces the settings. @throws Invalid, NotFound */
export async function updateClientSettings(
  db: TenantDb,
  clientId: string,
  settings: ClientSettings,
): Promise<void> {
  const client = await findClient(db, clientId);
  await replaceClient(db, client, { ...client, settings });
}

/** Lets a client ask or not. Either way what it was given until now ends. @throws NotFound */
export async function setClientEnabled(db: TenantDb, clientId: string, enabled: boolean): Promise<void> {
  const client = await findClient(db, clientId);
  await replaceClient(db, client, { ...client, enabled });
}

/** What it was given ends with it: nobody who takes its name has its tokens. @throws NotFound */
export async function deleteClient(db: TenantDb, { id, clientId }: Client): Promise<void> {
  await db.from('clients').where({ id }).delete();
  await revokeAllOf(db, 'client', clientId);
}

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

/** The same by client id; `replace` removes the others first. @throws NotFound, Invalid */
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
