export { permissionsIn, SEEDED_ROLES, type Claim, type NewRole, type Role } from './schema.js';
export { ROLE_OPERATIONS } from './operations.js';
export { holdsEverything, keepWayIn, rolesWithEverything } from './way-in.js';
export { insertRole, roleFinder, rolesByWord, rolesOfUsers } from './store.js';
