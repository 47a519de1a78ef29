import { confinedTo, mayGive, ownedBy, type Actor } from '../api/index.js';
import type { Row, TenantDb } from '../store/index.js';
import { GRANT_TYPES } from './schema.js';
import { lockClient, replaceClient } from './store.js';

/**
 * Gives a client the scope of an API that was imported, and its redirect URIs where the client sends people at all.
 * @throws Failure for a client that may do more than the actor, Invalid for a redirect URI that can not be
 */
export async function openClient(
  db: TenantDb,
  actor: Actor | undefined,
  clientId: string,
  { scope, redirectUris }: { scope: string; redirectUris: readonly string[] },
): Promise<'changed' | 'unchanged' | 'unknown'> {
  const row = (await ownedBy(db, 'clients', confinedTo(actor)).where({ client_id: clientId }).first()) as
    Row | undefined;
  if (!row) return 'unknown';
  const client = await lockClient(db, row['id'] as string);
  mayGive(actor, client.settings.scopes);
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
