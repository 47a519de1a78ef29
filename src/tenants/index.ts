export type { Branding, Tenant } from './schema.js';
export { hostsOf, placeAt } from './hosts.js';
export {
  checkHomeIssuer,
  findHomeTenant,
  findTenant,
  findTenantById,
  finishDeletions,
  listTenants,
  moveTenant,
  setRegistrationOpen,
  setTenantEnabled,
  touchTenant,
} from './store.js';
export { makeTenant, type WriteFirstKeys } from './make.js';
export { openTenantDirectory, type TenantDirectory } from './directory.js';
export {
  RENEWABLE_SECRETS,
  type RenewableSecret,
  renewTenantSecret,
  TENANT_SEALED_COLUMNS,
  tenantSecret,
} from './secrets.js';
