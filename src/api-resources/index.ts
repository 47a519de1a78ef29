export {
  newApiResource,
  type ApiResource,
  type EnabledApiResource,
  type StoredApiResource,
} from './schema.js';
export {
  MANAGEMENT_API,
  managementResource,
  managementScopes,
  managementWordOf,
  offerScopesOf,
  type ManagementWord,
} from './management-scopes.js';
export { heldByApi, isOthers, likeNames, ownApisOf } from './authority.js';
export { API_RESOURCE_CODES } from './codes.js';
export {
  enabledApiResources,
  findApiResource,
  findApiResourceByName,
  insertApiResource,
  lockApiResource,
} from './store.js';
export { questionableAudiences, reservationOf, type ReservedAudiences } from './audiences.js';
export type { ClientsOfImport } from './import.js';
export type { PermissionHolders, WordHolders, Words } from './permissions.js';
