import type { Locale } from '../kernel/pages.js';
import { queueText } from '../messaging/index.js';
import type { TenantDb, Vault } from '../store/index.js';
import type { User } from './schema.js';

/** What a person hears about the account by mail, because somebody else may have done it. */
export type Notice = 'password_changed' | 'email_changed' | 'phone_changed' | 'account_deleted';

/** Queues a notice, in the transaction of what it tells about; somebody without an e-mail address gets none. */
export async function queueNotice(
  db: TenantDb,
  vault: Vault,
  { email }: Pick<User, 'email'>,
  notice: Notice,
  locale: Locale,
): Promise<void> {
  if (email === null) return;
  await queueText(db, vault, { channel: 'mail', to: email, template: notice, locale, values: {} });
}

/** The same, to the telephone. */
export async function queueSmsNotice(
  db: TenantDb,
  vault: Vault,
  { phoneNumber }: Pick<User, 'phoneNumber'>,
  notice: Extract<Notice, 'phone_changed'>,
  locale: Locale,
): Promise<void> {
  if (phoneNumber === null) return;
  await queueText(db, vault, { channel: 'sms', to: phoneNumber, template: notice, locale, values: {} });
}
