import type { Knex } from 'knex';
import { insertManagementClient, type WantedManagementClient } from '../clients/index.js';
import { tenantDb, type TenantDb, type Vault } from '../store/index.js';
import type { NewTenant, Tenant } from './schema.js';
import { setSecretProperties } from './secrets.js';
import { createTenant } from './store.js';

/** Writes the signing keys that a tenant begins with. They are made before the transaction, because that takes long. */
export type WriteFirstKeys = (db: TenantDb) => Promise<void>;

export interface WantedTenant extends NewTenant {
  secretProperties?: Record<string, string | null>;
  /** The client that the tenant is managed with; none where it is absent. */
  managementClient?: WantedManagementClient | undefined;
}

export interface MadeTenant {
  tenant: Tenant;
  /** The management client's secret, for the only time. */
  managementSecret?: string | undefined;
}

/**
 * Makes a tenant that can be used at once: with its roles, resources, signing keys and, where one is wanted, the client
 * that it is managed with. The first start, the command line and the API all make tenants by this.
 * @throws Conflict when the name or a host is taken, Invalid
 */
export async function makeTenant(
  knex: Knex,
  vault: Vault,
  writeFirstKeys: WriteFirstKeys,
  { secretProperties = {}, managementClient, ...wanted }: WantedTenant,
): Promise<MadeTenant> {
  const tenant = await createTenant(knex, wanted);
  const db = tenantDb(knex, tenant.id);
  await writeFirstKeys(db);
  await setSecretProperties(knex, vault, tenant.id, secretProperties);
  const managementSecret = managementClient && (await insertManagementClient(db, vault, managementClient));
  return { tenant, managementSecret };
}
