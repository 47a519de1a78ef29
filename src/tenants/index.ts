export type { Branding, Tenant } from './schema.js';
export {
  createTenant,
  createTenantAt,
  findHomeTenant,
  findTenant,
  findTenantById,
  listTenants,
  moveTenant,
  setTenantEnabled,
  touchTenant,
} from './store.js';
export { openTenantDirectory, type TenantDirectory } from './directory.js';
export { TENANT_SEALED_COLUMNS, tenantSecret } from './secrets.js';
