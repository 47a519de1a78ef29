export { SEEDED_ROLES, type Claim, type NewRole, type Role } from './schema.js';
export { insertRole, rolesByName, rolesOfUser } from './store.js';
