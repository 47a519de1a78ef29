import { Conflict, Invalid, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import { revokeAllOf } from '../revocations/index.js';
import {
  UniqueViolation,
  type Row,
  type Statement,
  type Store,
  type TenantDb,
  type Vault,
} from '../store/index.js';
import { checkClient } from './rules.js';
import { hashSecret, hintOf, newSecret } from './secrets.js';
import { hasSecrets, type Client, type ClientSecret, type ClientSettings, type NewClient } from './schema.js';

const LIVE_SECRETS = 2;

const toClient = (row: Row, secrets: ClientSecret[]): Client => ({
  id: row['id'] as string,
  clientId: row['client_id'] as string,
  clientName: row['client_name'] as string,
  description: row['description'] as string | null,
  enabled: Boolean(row['enabled']),
  settings: parse<ClientSettings>(row['settings']),
  secrets,
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

const toSecret = (row: Row): ClientSecret => ({
  id: row['id'] as string,
  hash: row['hash'] as string,
  hint: row['hint'] as string,
  expiresAt: row['expires_at'] as number | null,
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

export async function listClients(db: TenantDb): Promise<Client[]> {
  const rows = (await db.from('clients').orderBy('client_id')) as Row[];
  return rows.map((row) => toClient(row, []));
}

export async function findClient(db: TenantDb, clientId: string): Promise<Client> {
  const row = (await db.from('clients').where({ client_id: clientId }).first()) as Row | undefined;
  if (!row) throw new NotFound('client', `there is no client "${clientId}" in this tenant`);
  const secrets = (await db
    .from('client_secrets')
    .where({ client_row_id: row['id'] })
    .orderBy('created_at')) as Row[];
  return toClient(row, secrets.map(toSecret));
}

/** @throws Invalid, Conflict */
export async function insertClient(db: TenantDb, client: NewClient): Promise<string> {
  checkClient(client);
  const id = newId();
  const now = Date.now();
  try {
    await db.insert('clients', {
      id,
      client_id: client.clientId,
      client_name: client.clientName,
      description: client.description ?? null,
      settings: JSON.stringify(client.settings),
      created_at: now,
      updated_at: now,
    });
  } catch (error) {
    if (error instanceof UniqueViolation)
      throw new Conflict('clientId', `there is a client "${client.clientId}" already`);
    throw error;
  }
  return id;
}

/** Replaces the settings. @throws Invalid, NotFound */
export async function updateClientSettings(
  db: TenantDb,
  clientId: string,
  settings: ClientSettings,
): Promise<void> {
  const { clientName } = await findClient(db, clientId);
  checkClient({ clientId, clientName, settings });
  await db
    .from('clients')
    .where({ client_id: clientId })
    .update({ settings: JSON.stringify(settings), updated_at: Date.now() });
}

/** Lets a client ask or not. Either way what it was given until now ends. @throws NotFound */
export async function setClientEnabled(db: TenantDb, clientId: string, enabled: boolean): Promise<void> {
  const changed = await db
    .from('clients')
    .where({ client_id: clientId })
    .update({ enabled, updated_at: Date.now() });
  if (changed === 0) throw new NotFound('client', `there is no client "${clientId}" in this tenant`);
  await revokeAllOf(db, 'client', clientId);
}

/**
 * Gives the client one more secret and answers it, for the only time. At most two live at once, so that one can be
 * rotated; `replace` removes the others first.
 * @throws NotFound, Invalid
 */
export async function addClientSecret(
  db: TenantDb,
  vault: Vault,
  clientId: string,
  {
    secret = newSecret(),
    replace = false,
    description,
  }: { secret?: string; replace?: boolean; description?: string } = {},
): Promise<string> {
  const client = await findClient(db, clientId);
  if (!hasSecrets(client.settings.tokenEndpointAuthMethod))
    throw new Invalid(
      'client',
      `"${clientId}" authenticates by ${client.settings.tokenEndpointAuthMethod} and has no secrets; make one with client_secret_basic`,
    );
  if (replace) await db.from('client_secrets').where({ client_row_id: client.id }).delete();
  const live = client.secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > Date.now());
  if (!replace && live.length >= LIVE_SECRETS)
    throw new Invalid(
      'secret',
      `"${clientId}" has ${live.length} live secrets already; replace them (--replace)`,
    );
  await db.insert('client_secrets', {
    id: newId(),
    client_row_id: client.id,
    hash: hashSecret(vault, secret),
    hint: hintOf(secret),
    description: description ?? null,
    created_at: Date.now(),
    expires_at: null,
  });
  return secret;
}
