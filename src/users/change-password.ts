import { Invalid } from '../kernel/errors.js';
import type { Locale } from '../kernel/pages.js';
import type { TenantDb } from '../store/index.js';
import { queueNotice } from './notices.js';
import type { PeopleBase } from './register.js';
import type { People } from './sign-in.js';
import { namesOf, type User } from './schema.js';
import { findUserById, lockUser, updateUser } from './store.js';

/** Not the password that the user has now. */
export class WrongPassword extends Invalid {
  constructor() {
    super('current', 'is not the password');
  }
}

/**
 * Checks the password that a user has now, where there is one, as a sign-in does, wrong ones counted; then hashes the new
 * one. @throws WrongPassword, WeakPassword, Busy
 */
export async function admitPassword(
  { passwords, people }: Pick<PeopleBase, 'passwords'> & { people: People },
  db: TenantDb,
  { id }: Pick<User, 'id'>,
  given: { current: string; password: string },
  { address, tenantName }: { address: string; tenantName: string },
): Promise<string> {
  const user = await findUserById(db, id);
  if (user.passwordHash !== null) {
    const outcome = await people.signIn(db.tenantId, user.userName, given.current, address);
    if ('refused' in outcome) throw new WrongPassword();
  }
  return passwords.hash(given.password, [tenantName, ...namesOf(user)]);
}

/** Sets a user's new password. Whoever was signed in is signed out everywhere, and hears of it by mail (ASVS 6.4.3, 7.4.3). */
export async function changePassword(
  db: TenantDb,
  { vault }: Pick<PeopleBase, 'vault'>,
  { id }: Pick<User, 'id'>,
  passwordHash: string,
  locale: Locale,
): Promise<User> {
  const user = await updateUser(db, await lockUser(db, id), {}, passwordHash);
  await queueNotice(db, vault, user, 'password_changed', locale);
  return user;
}
