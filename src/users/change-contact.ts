import type { Locale } from '../kernel/pages.js';
import type { TenantDb } from '../store/index.js';
import type { Shown } from '../verification/index.js';
import { queueNotice, queueSmsNotice } from './notices.js';
import { taken, WrongCode, type PeopleBase, type ProvenTarget } from './register.js';
import type { User } from './schema.js';
import { atTarget, lockUser, updateUser } from './store.js';

/**
 * Checks the code that went to a user's new number or address, and counts a wrong one. It was made for this user alone.
 * @throws WrongCode
 */
export async function admitContact(
  { codes }: Pick<PeopleBase, 'codes'>,
  tenantId: string,
  { userKey }: Pick<User, 'userKey'>,
  { target, code }: ProvenTarget,
): Promise<Shown> {
  const shown: Shown = { target, code, purposes: ['change'], subject: userKey };
  if ((await codes.check(tenantId, shown)) !== 'right') throw new WrongCode(target.channel);
  return shown;
}

/** Gives a user the new number or address. The old one hears of it (ASVS 6.4.3). @throws Conflict, WrongCode */
export async function changeContact(
  db: TenantDb,
  { codes, vault }: Pick<PeopleBase, 'codes' | 'vault'>,
  { id }: Pick<User, 'id'>,
  shown: Shown,
  locale: Locale,
): Promise<User> {
  const { channel, address } = shown.target;
  const before = await lockUser(db, id);
  const there = await atTarget(db, shown.target);
  if (there && there.id !== id) throw taken(channel);
  if (!(await codes.use(db, shown))) throw new WrongCode(channel);
  const change =
    channel === 'sms'
      ? { phoneNumber: address, phoneNumberVerified: true }
      : { email: address, emailVerified: true };
  const after = await updateUser(db, before, change);
  await queueNotice(db, vault, before, channel === 'sms' ? 'phone_changed' : 'email_changed', locale);
  if (channel === 'sms') await queueSmsNotice(db, vault, before, 'phone_changed', locale);
  return after;
}
