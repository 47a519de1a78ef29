import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import type { Row, TenantDb } from '../store/index.js';
import type { IdentityResource, Scope } from './schema.js';

/** The columns that every scope's row has. */
export const toScope = (row: Row): Scope => ({
  name: row['name'] as string,
  displayName: row['display_name'] as string | null,
  description: row['description'] as string | null,
  required: Boolean(row['required']),
  emphasize: Boolean(row['emphasize']),
  showInDiscovery: Boolean(row['show_in_discovery']),
});

export const scopeRow = (scope: Scope): Record<string, unknown> => ({
  name: scope.name,
  display_name: scope.displayName,
  description: scope.description,
  required: scope.required,
  emphasize: scope.emphasize,
  show_in_discovery: scope.showInDiscovery,
});

const toResource = (row: Row): IdentityResource => ({
  ...toScope(row),
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
    ...scopeRow(resource),
    user_claims: JSON.stringify(resource.userClaims),
    created_at: now,
    updated_at: now,
  });
}
