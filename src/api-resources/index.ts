export { newApiResource, type ApiResource } from './schema.js';
export { MANAGEMENT_API, MANAGEMENT_SCOPES, managementResource } from './management-scopes.js';
export { enabledApiResources, insertApiResource } from './store.js';
