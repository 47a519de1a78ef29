import type { Locale } from '../kernel/pages.js';
import { tenantDb, type TenantDb } from '../store/index.js';
import type { Purpose, Shown, Target } from '../verification/index.js';
import { queueNotice } from './notices.js';
import { WrongCode, type NamedTenant, type PeopleBase } from './register.js';
import { namesOf, type User } from './schema.js';
import { atTarget, forgetFailures, lockUser, updateUser } from './store.js';

const RESETTING: readonly Purpose[] = ['reset', 'register_or_reset'];

export interface Reset {
  shown: Shown;
  passwordHash: string;
}

/**
 * Checks the code, and hashes the new password. Nobody learns whether there is an account at the target: without one there
 * is no code that could be right. @throws WrongCode, Invalid, Busy
 */
export async function admitReset(
  { store, codes, passwords }: PeopleBase,
  tenant: NamedTenant,
  { target, code, password }: { target: Target; code: string; password: string },
): Promise<Reset> {
  const shown = { target, code, purposes: RESETTING };
  if ((await codes.check(tenant.id, shown)) !== 'right') throw new WrongCode(target.channel);
  const user = await atTarget(tenantDb(store.knex, tenant.id), target);
  const known = [tenant.name, target.address, ...(user ? namesOf(user) : [])];
  return { shown, passwordHash: await passwords.hash(password, known) };
}

/**
 * Sets the password. Whoever was signed in is signed out everywhere, and hears of it by mail (ASVS 6.4.3, 7.4.3).
 * @throws WrongCode
 */
export async function resetPassword(
  db: TenantDb,
  { codes, vault }: PeopleBase,
  { shown, passwordHash }: Reset,
  locale: Locale,
): Promise<User> {
  const there = await atTarget(db, shown.target);
  if (!there || !(await codes.use(db, shown))) throw new WrongCode(shown.target.channel);
  const user = await lockUser(db, there.id);
  const verified = shown.target.channel === 'sms' ? { phoneNumberVerified: true } : { emailVerified: true };
  const changed = await updateUser(db, user, verified, passwordHash);
  await forgetFailures(db, user.id);
  await queueNotice(db, vault, user, 'password_changed', locale);
  return changed;
}
