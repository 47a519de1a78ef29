export type { NewUser, User } from './schema.js';
export {
  findUser,
  insertUser,
  listUsers,
  setPassword,
  setUserEnabled,
  userFinder,
  type UserFinder,
} from './store.js';
export { openPasswords, type Passwords } from './passwords.js';
export { openLockout, type Lockout } from './lockout.js';
export { openPeople, type Authority, type People, type SignIn, type SignInRefusal } from './sign-in.js';
export { standardClaims } from './claims.js';
export { userOperations, type Access } from './operations.js';
export { importOperation as userImportOperation } from './import.js';
