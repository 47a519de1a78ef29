import { ownedBy } from '../api/index.js';
import { scopeRow, toScope } from '../identity-resources/index.js';
import { Conflict, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import type { SigningAlg } from '../kernel/algorithms.js';
import { uniquely, type Row, type TenantDb } from '../store/index.js';
import { MANAGEMENT_API, managementScopes } from './management-scopes.js';
import {
  indicatorOf,
  type ApiResource,
  type EnabledApiResource,
  type ApiScope,
  type NewApiResource,
  type StoredApiResource,
} from './schema.js';

const toApiScope = (row: Row): ApiScope => ({
  ...toScope(row),
  userClaims: parse<string[]>(row['user_claims']),
});

const toResource = (row: Row, stored: ApiScope[]): ApiResource => ({
  name: row['name'] as string,
  displayName: row['display_name'] as string | null,
  description: row['description'] as string | null,
  indicator: row['indicator'] as string,
  audience: row['audience'] as string,
  accessTokenFormat: row['access_token_format'] as 'jwt' | 'opaque',
  accessTokenLifetime: row['access_token_lifetime'] as number | null,
  signingAlg: row['signing_alg'] as SigningAlg,
  userClaims: parse<string[]>(row['user_claims']),
  scopes: row['name'] === MANAGEMENT_API ? managementScopes() : stored,
});

const toStored = (row: Row, scopes: ApiScope[]): StoredApiResource => ({
  ...toResource(row, scopes),
  id: row['id'] as string,
  enabled: Boolean(row['enabled']),
  properties: parse<Record<string, string>>(row['properties']),
  owner: row['owner_user_key'] as string | null,
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

/** The scopes of these resources, by the resource's id, each list by name. */
export async function scopesOfResources(db: TenantDb, ids?: string[]): Promise<Map<string, ApiScope[]>> {
  const rows = db.from('api_scopes').orderBy('name');
  if (ids) void rows.whereIn('resource_id', ids);
  const scopes = new Map<string, ApiScope[]>();
  for (const row of (await rows) as Row[]) {
    const resource = row['resource_id'] as string;
    scopes.set(resource, [...(scopes.get(resource) ?? []), toApiScope(row)]);
  }
  return scopes;
}

/** The enabled ones with their scopes, by name. */
export async function enabledApiResources(db: TenantDb): Promise<EnabledApiResource[]> {
  const resources = (await db.from('api_resources').where({ enabled: true }).orderBy('name')) as Row[];
  const scopes = await scopesOfResources(db);
  return resources.map((row) => {
    const id = row['id'] as string;
    return { id, ...toResource(row, scopes.get(id) ?? []) };
  });
}

/** Rows with the scopes that they have. */
export async function withScopes(db: TenantDb, rows: Row[]): Promise<StoredApiResource[]> {
  const ids = rows.map((row) => row['id'] as string);
  const scopes = ids.length > 0 ? await scopesOfResources(db, ids) : new Map<string, ApiScope[]>();
  return rows.map((row) => toStored(row, scopes.get(row['id'] as string) ?? []));
}

async function found(db: TenantDb, which: string, row: Row | undefined): Promise<StoredApiResource> {
  if (!row) throw new NotFound('apiResource', `there is no API resource "${which}" in this tenant`);
  return (await withScopes(db, [row]))[0] as StoredApiResource;
}

/** @param owner where only the resources of this user are to be seen. @throws NotFound */
export const findApiResource = async (db: TenantDb, id: string, owner?: string): Promise<StoredApiResource> =>
  found(db, id, (await ownedBy(db, 'api_resources', owner).where({ id }).first()) as Row | undefined);

/** The same, and nobody else changes it before the transaction ends. @throws NotFound */
export const lockApiResource = async (db: TenantDb, id: string, owner?: string): Promise<StoredApiResource> =>
  found(
    db,
    id,
    (await ownedBy(db, 'api_resources', owner).where({ id }).forUpdate().first()) as Row | undefined,
  );

export async function findApiResourceByName(
  db: TenantDb,
  name: string,
): Promise<StoredApiResource | undefined> {
  const row = (await db.from('api_resources').where({ name }).first()) as Row | undefined;
  return row && found(db, name, row);
}

const nameTaken = (name: string): [string, string] => ['name', `another API has the name "${name}"`];

function taken({
  name,
  indicator,
  audience,
}: Pick<ApiResource, 'name' | 'indicator' | 'audience'>): Record<string, [string, string]> {
  const byName = nameTaken(name);
  const byAudience: [string, string] = ['audience', `another API has the audience "${indicator}"`];
  return {
    api_resources_name: byName,
    // Where two APIs have one name, a store may report the audience first, which is made from the name.
    api_resources_indicator: indicator === indicatorOf(name) ? byName : byAudience,
    api_resources_audience: ['audience', `another API has the tokenAudience "${audience}"`],
  };
}

const columnsOf = (resource: NewApiResource): Record<string, unknown> => ({
  display_name: resource.displayName,
  description: resource.description,
  enabled: resource.enabled ?? true,
  indicator: resource.indicator,
  audience: resource.audience,
  access_token_format: resource.accessTokenFormat,
  access_token_lifetime: resource.accessTokenLifetime,
  signing_alg: resource.signingAlg,
  user_claims: JSON.stringify(resource.userClaims),
  properties: JSON.stringify(resource.properties ?? {}),
  owner_user_key: resource.owner ?? null,
});

/** @throws Conflict when its name, its audience or one of its scopes is taken */
export async function insertApiResource(db: TenantDb, resource: NewApiResource): Promise<string> {
  const now = Date.now();
  const id = newId();
  const row = { id, name: resource.name, ...columnsOf(resource), created_at: now, updated_at: now };
  // Only for the message: an audience is made from the name, so either can be taken. The index decides.
  if (await findApiResourceByName(db, resource.name)) throw new Conflict(...nameTaken(resource.name));
  await uniquely(taken(resource), () => db.insert('api_resources', row));
  // The scopes of the management API are the program's.
  if (resource.name !== MANAGEMENT_API) await insertScopes(db, id, resource.scopes);
  return id;
}

async function insertScopes(db: TenantDb, resourceId: string, scopes: readonly ApiScope[]): Promise<void> {
  for (const scope of scopes)
    await uniquely({ api_scopes_name: ['scopes', `the scope "${scope.name}" is there already`] }, () =>
      db.insert('api_scopes', {
        resource_id: resourceId,
        ...scopeRow(scope),
        user_claims: JSON.stringify(scope.userClaims),
      }),
    );
}

/** Writes a resource as it is now, with its scopes. Take it by `lockApiResource`. @throws Conflict */
export async function replaceApiResource(db: TenantDb, resource: StoredApiResource): Promise<void> {
  await uniquely(taken(resource), async () =>
    db
      .from('api_resources')
      .where({ id: resource.id })
      .update({ ...columnsOf(resource), updated_at: Date.now() }),
  );
  if (resource.name === MANAGEMENT_API) return;
  await db.from('api_scopes').where({ resource_id: resource.id }).delete();
  await insertScopes(db, resource.id, resource.scopes);
}

/** The scopes that the enabled APIs tell of. */
export const discoverableScopes = async (db: TenantDb): Promise<Pick<ApiResource, 'name' | 'scopes'>[]> =>
  (await enabledApiResources(db)).map(({ name, scopes }) => ({
    name,
    scopes: scopes.filter(({ showInDiscovery }) => showInDiscovery),
  }));

export async function deleteApiResource(db: TenantDb, id: string): Promise<void> {
  await db.from('api_resources').where({ id }).delete();
}
