import type { Knex } from 'knex';
import { placeAt, type Tenant } from '../../src/tenants/index.js';
import { createTenant } from '../../src/tenants/store.js';

/** A new tenant at its own host, without roles, keys and clients. @throws Conflict, Invalid */
export const createTenantAt = (knex: Knex, name: string, host: string): Promise<Tenant> =>
  createTenant(knex, { name, ...placeAt(host) });
