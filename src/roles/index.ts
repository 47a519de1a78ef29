export { permissionsIn, SEEDED_ROLES, type Claim, type NewRole, type Role } from './schema.js';
export { ROLE_OPERATIONS } from './operations.js';
export { insertRole, roleFinder, rolesByWord, rolesOfUsers } from './store.js';
