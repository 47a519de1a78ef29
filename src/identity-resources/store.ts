import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import type { Row, TenantDb } from '../store/index.js';
import type { IdentityResource } from './schema.js';

const toResource = (row: Row): IdentityResource => ({
  name: row['name'] as string,
  displayName: row['display_name'] as string | null,
  description: row['description'] as string | null,
  required: Boolean(row['required']),
  emphasize: Boolean(row['emphasize']),
  showInDiscovery: Boolean(row['show_in_discovery']),
  userClaims: parse<string[]>(row['user_claims']),
});

/** The enabled ones, by name. */
export async function enabledIdentityResources(db: TenantDb): Promise<IdentityResource[]> {
  const rows = (await db.from('identity_resources').where({ enabled: true }).orderBy('name')) as Row[];
  return rows.map(toResource);
}

export async function insertIdentityResource(db: TenantDb, resource: IdentityResource): Promise<void> {
  const now = Date.now();
  await db.insert('identity_resources', {
    id: newId(),
    name: resource.name,
    display_name: resource.displayName,
    description: resource.description,
    required: resource.required,
    emphasize: resource.emphasize,
    show_in_discovery: resource.showInDiscovery,
    user_claims: JSON.stringify(resource.userClaims),
    created_at: now,
    updated_at: now,
  });
}
