import { confinedTo, ownedBy, type Actor, type Held } from '../api/index.js';
import type { Row, TenantDb } from '../store/index.js';
import { heldByClient } from './authority.js';
import { GRANT_TYPES, type Client } from './schema.js';
import { lockClient, replaceClient } from './store.js';

/** The client that an import names, locked; undefined for one that is not there for the caller. */
async function named(db: TenantDb, actor: Actor | undefined, clientId: string): Promise<Client | undefined> {
  const row = (await ownedBy(db, 'clients', confinedTo(actor)).where({ client_id: clientId }).first()) as
    Row | undefined;
  return row && lockClient(db, row['id'] as string);
}

/** What the client holds that an import names. */
export async function heldByNamed(
  db: TenantDb,
  actor: Actor | undefined,
  clientId: string,
): Promise<Held | undefined> {
  const client = await named(db, actor, clientId);
  return client && heldByClient(client);
}

/**
 * Gives a client the scope of an API that was imported, and its redirect URIs where the client sends people at all.
 * @throws Invalid for a redirect URI that can not be
 */
export async function openClient(
  db: TenantDb,
  actor: Actor | undefined,
  clientId: string,
  { scope, redirectUris }: { scope: string; redirectUris: readonly string[] },
): Promise<'changed' | 'unchanged' | 'unknown'> {
  const client = await named(db, actor, clientId);
  if (!client) return 'unknown';
  const { settings } = client;
  const uris = settings.grantTypes.includes(GRANT_TYPES.code) ? redirectUris : [];
  const changed = {
    ...settings,
    scopes: [...new Set([...settings.scopes, scope])],
    redirectUris: [...new Set([...settings.redirectUris, ...uris])],
  };
  if (JSON.stringify(changed) === JSON.stringify(settings)) return 'unchanged';
  await replaceClient(db, client, { ...client, settings: changed });
  return 'changed';
}
