import { scopeRow, toScope, type Scope } from '../identity-resources/index.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import type { Row, TenantDb } from '../store/index.js';
import { MANAGEMENT_API, MANAGEMENT_SCOPES } from './management-scopes.js';
import type { ApiResource } from './schema.js';

const toResource = (row: Row, stored: Scope[]): ApiResource => ({
  name: row['name'] as string,
  displayName: row['display_name'] as string | null,
  description: row['description'] as string | null,
  indicator: row['indicator'] as string,
  audience: row['audience'] as string,
  accessTokenFormat: row['access_token_format'] as 'jwt' | 'opaque',
  accessTokenLifetime: row['access_token_lifetime'] as number | null,
  signingAlg: row['signing_alg'] as string,
  userClaims: parse<string[]>(row['user_claims']),
  scopes: row['name'] === MANAGEMENT_API ? MANAGEMENT_SCOPES : stored,
});

/** The enabled ones with their scopes, by name. */
export async function enabledApiResources(db: TenantDb): Promise<ApiResource[]> {
  const resources = (await db.from('api_resources').where({ enabled: true }).orderBy('name')) as Row[];
  const scopes = new Map<string, Scope[]>();
  for (const row of (await db.from('api_scopes').orderBy('name')) as Row[]) {
    const resource = row['resource_id'] as string;
    scopes.set(resource, [...(scopes.get(resource) ?? []), toScope(row)]);
  }
  return resources.map((row) => toResource(row, scopes.get(row['id'] as string) ?? []));
}

export async function insertApiResource(db: TenantDb, resource: ApiResource): Promise<void> {
  const now = Date.now();
  const id = newId();
  await db.insert('api_resources', {
    id,
    name: resource.name,
    display_name: resource.displayName,
    description: resource.description,
    indicator: resource.indicator,
    audience: resource.audience,
    access_token_format: resource.accessTokenFormat,
    access_token_lifetime: resource.accessTokenLifetime,
    signing_alg: resource.signingAlg,
    user_claims: JSON.stringify(resource.userClaims),
    created_at: now,
    updated_at: now,
  });
  if (resource.name === MANAGEMENT_API) return; // its scopes are the program's
  for (const scope of resource.scopes) await db.insert('api_scopes', { resource_id: id, ...scopeRow(scope) });
}
