import type { Knex } from 'knex';
import { insertApiResource, managementResource } from '../api-resources/index.js';
import { insertIdentityResource, SEEDED_IDENTITY_RESOURCES } from '../identity-resources/index.js';
import { Conflict, Invalid, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import { revokeAllOf } from '../revocations/index.js';
import { insertRole, SEEDED_ROLES } from '../roles/index.js';
import { namingIndex, tenantDb, UniqueViolation, type Row } from '../store/index.js';
import { checkHost, hostsOf, issuerAt } from './hosts.js';
import type { Branding, Tenant } from './schema.js';

export const toTenant = (row: Row, hosts: string[]): Tenant => ({
  id: row['id'] as string,
  name: row['name'] as string,
  issuer: row['issuer'] as string,
  home: Boolean(row['home']),
  enabled: Boolean(row['enabled']),
  hosts,
  branding: parse<Branding>(row['properties']),
  version: row['version'] as number,
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

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

export async function listTenants(knex: Knex): Promise<Tenant[]> {
  const rows = (await knex('tenants').orderBy('id')) as Row[];
  const hosts = (await knex('tenant_hosts').orderBy('host')) as Row[];
  return rows.map((row) =>
    toTenant(
      row,
      hosts.filter((host) => host['tenant_id'] === row['id']).map((host) => host['host'] as string),
    ),
  );
}

/**
 * Tells every node that the tenant changed. Call it in the transaction of any change to the tenant, its clients, its
 * resources or its keys.
 */
export async function touchTenant(knex: Knex, tenantId: string): Promise<void> {
  const now = Date.now();
  await knex('tenants')
    .where({ id: tenantId })
    .update({
      version: knex.raw('CASE WHEN version >= ? THEN version + 1 ELSE ? END', [now, now]),
      updated_at: now,
    });
}

/**
 * A new tenant with what each begins with: roles, identity resources and the management API. Its keys are made when it
 * is first used.
 * @throws Conflict when the name or a host is taken, Invalid
 */
export async function createTenant(
  knex: Knex,
  {
    name,
    issuer,
    home = false,
    branding = {},
  }: { name: string; issuer: string; home?: boolean; branding?: Branding },
): Promise<Tenant> {
  if (!name.trim() || name.length > 100) throw new Invalid('name', 'must be 1 to 100 characters');
  const id = newId();
  const now = Date.now();
  const properties = JSON.stringify(branding);
  try {
    await namingIndex(() =>
      knex('tenants').insert({
        id,
        name,
        issuer,
        home,
        properties,
        version: now,
        created_at: now,
        updated_at: now,
      }),
    );
    await namingIndex(() =>
      knex('tenant_hosts').insert(hostsOf(issuer).map((host) => ({ host, tenant_id: id }))),
    );
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    const field = error.index === 'tenants_name' ? 'name' : 'host';
    throw new Conflict(
      field,
      `another tenant has the ${field} "${field === 'name' ? name : new URL(issuer).host}"`,
    );
  }
  const db = tenantDb(knex, id);
  for (const role of SEEDED_ROLES) await insertRole(db, role);
  for (const resource of SEEDED_IDENTITY_RESOURCES) await insertIdentityResource(db, resource);
  await insertApiResource(db, managementResource());
  return findTenant(knex, name);
}

/** A new tenant at its own host. @throws Conflict, Invalid */
export const createTenantAt = (knex: Knex, name: string, host: string): Promise<Tenant> =>
  createTenant(knex, { name, issuer: issuerAt(checkHost(host)) });

/** The home tenant's issuer is the configuration's; when that changed, its hosts follow. */
export async function moveTenant(knex: Knex, tenant: Tenant, issuer: string): Promise<void> {
  await knex('tenant_hosts').where({ tenant_id: tenant.id }).delete();
  await knex('tenant_hosts').insert(hostsOf(issuer).map((host) => ({ host, tenant_id: tenant.id })));
  await knex('tenants').where({ id: tenant.id }).update({ issuer });
  await touchTenant(knex, tenant.id);
}

/** Opens or shuts a tenant. Either way everything that it issued until now ends. @throws NotFound, Invalid for the home tenant */
export async function setTenantEnabled(knex: Knex, name: string, enabled: boolean): Promise<void> {
  const tenant = await findTenant(knex, name);
  if (tenant.home && !enabled) throw new Invalid('tenant', 'the home tenant can not be disabled');
  await knex('tenants').where({ id: tenant.id }).update({ enabled });
  await revokeAllOf(tenantDb(knex, tenant.id), 'tenant');
  await touchTenant(knex, tenant.id);
}
