export { permissionHolders } from './api-permissions.js';
export {
  confines,
  mqttClaimsIn,
  permissionsIn,
  sharedNames,
  SEEDED_ROLES,
  type BuiltInRole,
  type Claim,
  type NewRole,
  type Role,
} from './schema.js';
export { holdsEverything, keepWayIn, rolesWithEverything } from './way-in.js';
export { builtInRoles, insertRole, roleFinder, ownRoleNames, rolesByWord, rolesOfUsers } from './store.js';
