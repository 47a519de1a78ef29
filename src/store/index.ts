export type { Report } from './report.js';
export { checkDatabaseUrl, mayHaveStore, openStore } from './open.js';
export {
  decodeMasterKey,
  givenMasterKey,
  keptInFile,
  keyFromFile,
  openVault,
  replaceKeyFile,
  requireMasterKey,
} from './master-key.js';
export { withRights } from './rights.js';
export { rewrap, type Rewrapped, type SealedColumn } from './rewrap.js';
export { migrate, requireSchema, schemaStatus, type Migration, type SchemaStatus } from './migrate.js';
export { decrypt, encrypt, MasterKey, SealBroken, Vault } from './vault.js';
export { announceChange, storeTime, storeTimeOf } from './changes.js';
export {
  UniqueViolation,
  type Listening,
  type Row,
  type Statement,
  type Step,
  type Store,
  type Value,
} from './store.js';
export { namingIndex, tenantDb, tenantTransaction, type TenantDb } from './tenant-db.js';
export { retryingDeadlocks, storeFailures } from './failures.js';
export { deleteRowsOfTenant, emptyTenant, rowsInPages } from './in-pieces.js';
export { uniquely } from './unique.js';
