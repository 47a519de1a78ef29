export { newApiResource, type ApiResource } from './schema.js';
export { managementResource } from './management-scopes.js';
export { enabledApiResources, insertApiResource } from './store.js';
