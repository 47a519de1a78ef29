export { SEEDED_IDENTITY_RESOURCES, type IdentityResource } from './schema.js';
export { enabledIdentityResources, insertIdentityResource } from './store.js';
