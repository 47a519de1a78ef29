import { MANAGEMENT_API, managementScopes, type ReservedAudiences } from '../api-resources/index.js';
import { SEEDED_IDENTITY_RESOURCES } from '../identity-resources/index.js';
import type { TenantDb, Vault } from '../store/index.js';
import { clientSettings, GRANT_TYPES } from './schema.js';
import { addClientSecret, insertClient } from './store.js';

export interface WantedManagementClient {
  id: string;
  secret?: string | undefined;
  /** Audiences that are no client's id. */
  reserved: ReservedAudiences;
}

/**
 * The client that a tenant is managed with by scripts, and by administrators with their passwords.
 * @returns its secret, for the only time
 */
export async function insertManagementClient(
  db: TenantDb,
  vault: Vault,
  { id: clientId, secret, reserved }: WantedManagementClient,
): Promise<string> {
  const identity = SEEDED_IDENTITY_RESOURCES.map(({ name }) => name);
  const client = {
    clientId,
    clientName: 'Management',
    description: 'For scripts and administrators; made with the tenant.',
    settings: clientSettings({
      grantTypes: [GRANT_TYPES.clientCredentials, GRANT_TYPES.password, GRANT_TYPES.refresh],
      scopes: [...identity, ...managementScopes().map(({ name }) => name)],
      defaultScopes: ['openid', 'profile', 'email', 'role', 'permission', 'isms.all'],
      resources: [MANAGEMENT_API],
    }),
  };
  await insertClient(db, client, reserved);
  return addClientSecret(db, vault, clientId, secret === undefined ? {} : { secret });
}
