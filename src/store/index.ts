export { openStore } from './open.js';
export { openVault } from './master-key.js';
export {
  migrate,
  requireSchema,
  schemaStatus,
  SchemaMismatch,
  type Migration,
  type SchemaStatus,
} from './migrate.js';
export { SealBroken, Vault } from './vault.js';
export { UniqueViolation, type Row, type Statement, type Step, type Store, type Value } from './store.js';
export { namingIndex, tenantDb, tenantTransaction, type TenantDb } from './tenant-db.js';
