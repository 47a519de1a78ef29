export { SEEDED_IDENTITY_RESOURCES, type IdentityResource, type Scope } from './schema.js';
export { enabledIdentityResources, insertIdentityResource, scopeRow, toScope } from './store.js';
export { release, type Used, type Uses } from './uses.js';
