import type { Knex } from 'knex';
import { releaseTenant } from '../blobs/index.js';
import { insertApiResource, managementResource } from '../api-resources/index.js';
import { insertIdentityResource, SEEDED_IDENTITY_RESOURCES } from '../identity-resources/index.js';
import { checkClaimNames } from '../kernel/claim-names.js';
import { Conflict, Invalid, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import { revokeAllOf } from '../revocations/index.js';
import { insertRole, SEEDED_ROLES, type Claim } from '../roles/index.js';
import {
  announceChange,
  deleteRowsOfTenant,
  emptyTenant,
  storeTimeOf,
  tenantDb,
  uniquely,
  type Row,
  type Store,
} from '../store/index.js';
import { hostsOf } from './hosts.js';
import { brandingOf, checkProperties } from './properties.js';
import type { NewTenant, Tenant } from './schema.js';

export function toTenant(row: Row, hosts: string[]): Tenant {
  const properties = parse<Record<string, string>>(row['properties']);
  return {
    id: row['id'] as string,
    name: row['name'] as string,
    issuer: row['issuer'] as string,
    home: Boolean(row['home']),
    enabled: Boolean(row['enabled']),
    registrationOpen: Boolean(row['registration_open']),
    hosts,
    theme: row['theme'] as string | null,
    claims: parse<Claim[]>(row['claims']),
    properties,
    branding: brandingOf(properties),
    cacheDuration: row['cache_duration'] as number,
    ownerUserId: row['owner_user_id'] as string | null,
    version: row['version'] as number,
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
  };
}

async function hostsOfTenant(knex: Knex, tenantId: string): Promise<string[]> {
  const rows = (await knex('tenant_hosts').where({ tenant_id: tenantId }).orderBy('host')) as Row[];
  return rows.map((row) => row['host'] as string);
}

async function one(knex: Knex, where: Record<string, unknown>): Promise<Tenant | undefined> {
  const row = (await knex('tenants').where(where).first()) as Row | undefined;
  return row && toTenant(row, await hostsOfTenant(knex, row['id'] as string));
}

export const findHomeTenant = (knex: Knex): Promise<Tenant | undefined> => one(knex, { home: true });

export const findTenantById = (knex: Knex, id: string): Promise<Tenant | undefined> => one(knex, { id });

/** By name. @throws NotFound */
export async function findTenant(knex: Knex, name: string): Promise<Tenant> {
  const tenant = await one(knex, { name });
  if (!tenant) throw new NotFound('tenant', `there is no tenant "${name}"`);
  return tenant;
}

/** Rows with the hosts that they have. */
export async function withHosts(knex: Knex, rows: Row[]): Promise<Tenant[]> {
  const ids = rows.map((row) => row['id'] as string);
  const hosts = (await knex('tenant_hosts').whereIn('tenant_id', ids).orderBy('host')) as Row[];
  return rows.map((row) =>
    toTenant(
      row,
      hosts.filter((host) => host['tenant_id'] === row['id']).map((host) => host['host'] as string),
    ),
  );
}

export const listTenants = async (knex: Knex): Promise<Tenant[]> =>
  withHosts(knex, (await knex('tenants').orderBy('id')) as Row[]);

/** By id, and nobody else changes it before the transaction ends. @throws NotFound */
export async function lockTenant(knex: Knex, id: string): Promise<Tenant> {
  const row = (await knex('tenants').where({ id }).forUpdate().first()) as Row | undefined;
  const [tenant] = row ? await withHosts(knex, [row]) : [];
  if (!tenant) throw new NotFound('tenant', `there is no tenant "${id}"`);
  return tenant;
}

/**
 * Tells every node that the tenant changed. Call it in the transaction of any change to the tenant, its clients, its
 * resources or its keys.
 */
export async function touchTenant(knex: Knex, tenantId: string): Promise<void> {
  const now = storeTimeOf(knex);
  await knex('tenants')
    .where({ id: tenantId })
    .update({
      version: knex.raw('CASE WHEN version >= ? THEN version + 1 ELSE ? END', [now, now]),
      updated_at: Date.now(),
    });
  await announceChange(knex);
}

const columnsOf = (tenant: NewTenant): Record<string, unknown> => ({
  name: tenant.name,
  enabled: tenant.enabled ?? true,
  registration_open: tenant.registrationOpen ?? true,
  theme: tenant.theme ?? null,
  claims: JSON.stringify(tenant.claims ?? []),
  properties: JSON.stringify(tenant.properties ?? {}),
  cache_duration: tenant.cacheDuration ?? 60,
  owner_user_id: tenant.ownerUserId ?? null,
});

const typesOf = ({ claims = [] }: { claims?: readonly Claim[] }): string[] => claims.map(({ type }) => type);

const taken = ({ name, hosts }: NewTenant): Record<string, [string, string]> => {
  const host: [string, string] = ['hosts', `another tenant has one of the hosts ${hosts.join(', ')}`];
  return {
    tenants_name: ['name', `another tenant has the name "${name}"`],
    tenants_issuer: host,
    tenant_hosts_host: host,
  };
};

/**
 * A new tenant with what each begins with: roles, identity resources and the management API. Use `makeTenant`, which gives
 * it signing keys as well; without, they are made when it is first used.
 * @throws Conflict when the name or a host is taken, Invalid
 */
export async function createTenant(knex: Knex, tenant: NewTenant): Promise<Tenant> {
  const { name, issuer, home = false } = tenant;
  if (!name.trim() || name.length > 100) throw new Invalid('name', 'must be 1 to 100 characters');
  checkProperties(tenant.properties ?? {});
  checkClaimNames('claims', typesOf(tenant));
  const id = newId();
  const now = Date.now();
  const times = { version: storeTimeOf(knex), created_at: now, updated_at: now };
  const row = { id, issuer, home, ...columnsOf(tenant), ...times };
  await uniquely(taken(tenant), async () => knex('tenants').insert(row));
  await setHosts(knex, id, tenant);
  const db = tenantDb(knex, id);
  for (const role of SEEDED_ROLES) await insertRole(db, role);
  for (const resource of SEEDED_IDENTITY_RESOURCES) await insertIdentityResource(db, resource);
  await insertApiResource(db, managementResource());
  await announceChange(knex);
  return findTenant(knex, name);
}

async function setHosts(knex: Knex, id: string, tenant: NewTenant): Promise<void> {
  await knex('tenant_hosts').where({ tenant_id: id }).delete();
  await uniquely(taken(tenant), async () =>
    knex('tenant_hosts').insert(tenant.hosts.map((host) => ({ host, tenant_id: id }))),
  );
}

/**
 * Writes a tenant as it is now; take it by `lockTenant`. Opened or shut, everything that it issued until now ends.
 * @throws Invalid, Conflict
 */
export async function replaceTenant(knex: Knex, before: Tenant, tenant: Tenant): Promise<void> {
  if (tenant.home && !tenant.enabled) throw new Conflict('home', 'the home tenant can not be disabled');
  if (tenant.enabled && !before.enabled && (await isBeingDeleted(knex, tenant.id)))
    throw new Conflict('status', 'the tenant is being deleted, and can not be enabled');
  checkProperties(tenant.properties, before.properties);
  checkClaimNames('claims', typesOf(tenant), typesOf(before));
  await uniquely(taken(tenant), async () =>
    knex('tenants').where({ id: tenant.id }).update(columnsOf(tenant)),
  );
  if (tenant.hosts.join() !== before.hosts.join()) await setHosts(knex, tenant.id, tenant);
  if (tenant.enabled !== before.enabled) await revokeAllOf(tenantDb(knex, tenant.id), 'tenant');
  await touchTenant(knex, tenant.id);
}

/** Takes out a tenant with all that it has. Every node hears of it. @throws Conflict for the home tenant */
export async function deleteTenant(knex: Knex, { id, home }: Tenant): Promise<void> {
  if (home) throw new Conflict('home', 'the home tenant can not be deleted');
  await releaseTenant(knex, id);
  await tenantDb(knex, id).deleteAll('mqtt_credentials', {}); // without a foreign key on PostgreSQL
  await deleteRowsOfTenant(knex, id);
  await knex('tenants').where({ id }).delete();
  await knex('deleted_tenants').insert({ id, deleted_at: storeTimeOf(knex) });
  await announceChange(knex);
}

/** Where the store keeps which tenants are being deleted. */
const DELETION = 'tenant_deletion:';

/**
 * Decides the deletion of a tenant: from the commit on it is disabled for good. What it has is deleted by
 * `finishDeletion`. @throws Conflict for the home tenant
 */
export async function beginDeletion(knex: Knex, tenant: Tenant): Promise<void> {
  if (tenant.home) throw new Conflict('home', 'the home tenant can not be deleted');
  await knex('meta')
    .insert({ key: DELETION + tenant.id, value: '' })
    .onConflict('key')
    .ignore();
  await replaceTenant(knex, tenant, { ...tenant, enabled: false });
}

const isBeingDeleted = async (knex: Knex, id: string): Promise<boolean> =>
  (await knex('meta')
    .where({ key: DELETION + id })
    .first()) !== undefined;

/**
 * Deletes a tenant whose deletion has been decided: most of its rows in transactions of bounded size, so that writes of
 * other tenants do not wait for all of them, and the tenant with what is left in the last one. It may run twice at once.
 */
export async function finishDeletion(store: Store, id: string): Promise<void> {
  await emptyTenant(store, id, ['mqtt_credentials']);
  await store.largeTransaction(async (trx) => {
    const row = (await trx('tenants').where({ id }).forUpdate().first()) as Row | undefined;
    if (row) await deleteTenant(trx, toTenant(row, []));
    await trx('meta')
      .where({ key: DELETION + id })
      .delete();
  });
}

/**
 * Finishes the deletions that a process has left behind when it ended. One that fails holds up no other.
 * @returns how many they were @throws AggregateError with what failed
 */
export async function finishDeletions(store: Store): Promise<number> {
  const left = await store.meta.all(DELETION);
  const failures: unknown[] = [];
  for (const [key] of left)
    await finishDeletion(store, key.slice(DELETION.length)).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} tenants are not deleted`);
  return left.length;
}

/** Refuses an issuer for the home tenant where another tenant is. Works on a store of any schema. @throws Conflict */
export async function checkHomeIssuer(knex: Knex, issuer: string): Promise<void> {
  const atItsHosts = knex('tenant_hosts').select('tenant_id').whereIn('host', hostsOf(issuer));
  const other = await knex('tenants')
    .where({ home: false })
    .where((where) => void where.where({ issuer }).orWhereIn('id', atItsHosts))
    .first<Row | undefined>('name');
  if (other)
    throw new Conflict(
      'issuer',
      `the tenant "${other['name'] as string}" is at ${issuer}; set another issuer, or delete that tenant first`,
    );
}

/** The home tenant's issuer is the configuration's; when that changed, its hosts follow. @throws Conflict */
export async function moveTenant(knex: Knex, tenant: Tenant, issuer: string): Promise<void> {
  await checkHomeIssuer(knex, issuer);
  const moved = { ...tenant, issuer, hosts: hostsOf(issuer) };
  await setHosts(knex, tenant.id, moved);
  await uniquely(taken(moved), async () => knex('tenants').where({ id: tenant.id }).update({ issuer }));
  await touchTenant(knex, tenant.id);
}

const lockTenantNamed = async (knex: Knex, name: string): Promise<Tenant> =>
  lockTenant(knex, (await findTenant(knex, name)).id);

/** Lets people make accounts for themselves, or leaves that to administrators. @throws NotFound */
export async function setRegistrationOpen(
  knex: Knex,
  name: string,
  registrationOpen: boolean,
): Promise<void> {
  const tenant = await lockTenantNamed(knex, name);
  await replaceTenant(knex, tenant, { ...tenant, registrationOpen });
}

/** Opens or shuts a tenant. Either way everything that it issued until now ends. @throws NotFound, Conflict for the home tenant */
export async function setTenantEnabled(knex: Knex, name: string, enabled: boolean): Promise<void> {
  const tenant = await lockTenantNamed(knex, name);
  // Said again, it ends what was issued in between.
  if (tenant.enabled === enabled) await revokeAllOf(tenantDb(knex, tenant.id), 'tenant');
  await replaceTenant(knex, tenant, { ...tenant, enabled });
}
