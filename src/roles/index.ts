export { SEEDED_ROLES, type Claim, type NewRole, type Role } from './schema.js';
export { insertRole, roleFinder, rolesByName } from './store.js';
