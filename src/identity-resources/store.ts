import { checkAskedClaims } from '../kernel/claim-names.js';
import { Conflict, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import { uniquely, type Row, type TenantDb } from '../store/index.js';
import type { IdentityResource, Scope } from './schema.js';
import { release, type Uses } from './uses.js';

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

/** As administrators see it. */
export interface StoredIdentityResource extends IdentityResource {
  id: string;
  enabled: boolean;
  properties: Record<string, string>;
  /** Epoch milliseconds. */
  createdAt: number;
  updatedAt: number;
}

export const toStored = (row: Row): StoredIdentityResource => ({
  ...toResource(row),
  id: row['id'] as string,
  enabled: Boolean(row['enabled']),
  properties: parse<Record<string, string>>(row['properties']),
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

const found = (id: string, row: Row | undefined): StoredIdentityResource => {
  if (!row) throw new NotFound('identityResource', `there is no identity resource "${id}" in this tenant`);
  return toStored(row);
};

/** @throws NotFound */
export const findIdentityResource = async (db: TenantDb, id: string): Promise<StoredIdentityResource> =>
  found(id, (await db.from('identity_resources').where({ id }).first()) as Row | undefined);

/** The same, and nobody else changes it before the transaction ends. @throws NotFound */
export const lockIdentityResource = async (db: TenantDb, id: string): Promise<StoredIdentityResource> =>
  found(id, (await db.from('identity_resources').where({ id }).forUpdate().first()) as Row | undefined);

type New = IdentityResource & Partial<Pick<StoredIdentityResource, 'enabled' | 'properties'>>;

/** @throws Conflict when another scope has the name, Invalid */
export async function insertIdentityResource(
  db: TenantDb,
  { enabled = true, properties = {}, ...resource }: New,
): Promise<StoredIdentityResource> {
  checkAskedClaims(resource.userClaims);
  const now = Date.now();
  const id = newId();
  const taken = `another scope has the name "${resource.name}"`;
  await uniquely({ identity_resources_name: ['name', taken] }, () =>
    db.insert('identity_resources', {
      id,
      ...scopeRow(resource),
      enabled,
      user_claims: JSON.stringify(resource.userClaims),
      properties: JSON.stringify(properties),
      created_at: now,
      updated_at: now,
    }),
  );
  return { ...resource, id, enabled, properties, createdAt: now, updatedAt: now };
}

/** What is not given stays. @throws NotFound, Invalid, Conflict for `openid`, which has to stay enabled */
export async function updateIdentityResource(
  db: TenantDb,
  id: string,
  change: Partial<Omit<New, 'name'>>,
): Promise<StoredIdentityResource> {
  const before = await lockIdentityResource(db, id);
  checkAskedClaims(change.userClaims, before.userClaims);
  const changed = { ...before, ...change };
  if (!changed.enabled) refuseForOpenid(changed.name, 'can not be disabled');
  await db
    .from('identity_resources')
    .where({ id })
    .update({
      ...scopeRow(changed),
      enabled: changed.enabled,
      user_claims: JSON.stringify(changed.userClaims),
      properties: JSON.stringify(changed.properties),
      updated_at: Date.now(),
    });
  return findIdentityResource(db, id);
}

/** @throws NotFound, Conflict while clients may ask for it, unless it is to be taken from them */
export async function deleteIdentityResource(
  db: TenantDb,
  id: string,
  uses: Uses,
  cascade: boolean,
): Promise<void> {
  const { name } = await lockIdentityResource(db, id);
  refuseForOpenid(name, 'can not be deleted');
  await release(db, uses, { scopes: [name] }, cascade);
  await db.from('identity_resources').where({ id }).delete();
}

function refuseForOpenid(name: string, what: string): void {
  if (name === 'openid') throw new Conflict('openid', `"openid" ${what}: every sign-in asks for it`);
}
