export { namesOf, type NewUser, type User } from './schema.js';
export {
  eraseUser,
  findUser,
  findUserById,
  insertUser,
  listUsers,
  lockUser,
  roleNamesOf,
  setPassword,
  setUserEnabled,
  standingIn,
  updateUser,
  userFinder,
  type UserFinder,
} from './store.js';
export { openPasswords, WeakPassword, type Passwords } from './passwords.js';
export { openLockout, type Lockout, type Standing } from './lockout.js';
export { openPeople, type Authority, type People, type SignIn, type SignInRefusal } from './sign-in.js';
export { checkNoSubject, clashingNames, othersNameFinder, takenByClient } from './carried-names.js';
export { checkUserName } from './names.js';
export { standardClaims } from './claims.js';
export { personalDataOf, type Access } from './personal-data.js';
export { readProfile } from './profile.js';
export { admitContact, changeContact } from './change-contact.js';
export { admitPassword, changePassword, WrongPassword } from './change-password.js';
export type { RegistrationBase } from './registration.js';
export { CODE_MESSAGE, codeDelivery, codeSender, type CodeSender } from './code-messages.js';
export { addNewcomer, admitNewcomer, WrongCode, type Newcomer, type PeopleBase } from './register.js';
export { admitReset, resetPassword } from './reset-password.js';
export { queueNotice, type Notice } from './notices.js';
