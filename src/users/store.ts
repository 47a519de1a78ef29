import { randomUUID } from 'node:crypto';
import { Conflict, Invalid, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import { revokeAllOf } from '../revocations/index.js';
import { rolesByName, type Claim } from '../roles/index.js';
import { UniqueViolation, type Row, type Statement, type Store, type TenantDb } from '../store/index.js';
import { checkEmail, checkUserName, foldName, phoneDigits, readPhone } from './names.js';
import type { NewUser, User } from './schema.js';

/** A user with what only signing in needs. */
export interface StoredUser extends User {
  passwordHash: string | null;
}

const toUser = (row: Row): StoredUser => ({
  id: row['id'] as string,
  userKey: row['user_key'] as string,
  userName: row['user_name'] as string,
  nickName: row['nick_name'] as string | null,
  email: row['email'] as string | null,
  emailVerified: Boolean(row['email_verified']),
  countryCode: row['country_code'] as string | null,
  phoneNumber: row['phone_number'] as string | null,
  phoneNumberVerified: Boolean(row['phone_number_verified']),
  gender: row['gender'] as string | null,
  birthdate: row['birthdate'] as string | null,
  address: row['address'] as string | null,
  avatar: row['avatar'] as string | null,
  claims: parse<Claim[]>(row['claims']),
  enabled: Boolean(row['enabled']),
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
  lastLoginAt: row['last_login_at'] as number | null,
  passwordHash: row['password_hash'] as string | null,
});

/** Which unique index means which field. */
const TAKEN: Record<string, string> = {
  users_user_name_key: 'userName',
  users_email_key: 'email',
  users_phone_number: 'phoneNumber',
};

/** @throws Invalid, Conflict */
export async function insertUser(db: TenantDb, user: NewUser, passwordHash: string | null): Promise<User> {
  checkUserName(user.userName);
  if (user.email !== undefined) checkEmail(user.email);
  const phone = user.phoneNumber === undefined ? undefined : readPhone(user.phoneNumber, user.countryCode);
  const roles = await rolesByName(db, user.roles ?? []);
  for (const name of user.roles ?? [])
    if (!roles.some((role) => role.name === name))
      throw new Invalid('roles', `there is no role "${name}" in this tenant`);
  const id = newId();
  const now = Date.now();
  try {
    await db.insert('users', {
      id,
      user_key: randomUUID(),
      user_name: user.userName,
      user_name_key: foldName(user.userName),
      nick_name: user.nickName ?? null,
      email: user.email ?? null,
      email_key: user.email === undefined ? null : foldName(user.email),
      email_verified: user.emailVerified ?? false,
      country_code: phone?.countryCode ?? null,
      phone_number: phone?.number ?? null,
      phone_national: phone?.national ?? null,
      phone_number_verified: user.phoneNumberVerified ?? false,
      password_hash: passwordHash,
      gender: user.gender ?? null,
      birthdate: user.birthdate ?? null,
      address: user.address ?? null,
      claims: JSON.stringify(user.claims ?? []),
      created_at: now,
      updated_at: now,
    });
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    const field = TAKEN[error.index] ?? 'user';
    throw new Conflict(field, `another user of this tenant has this ${field}`);
  }
  for (const role of roles) await db.insert('user_roles', { user_id: id, role_id: role.id });
  return findUser(db, user.userName);
}

export async function listUsers(db: TenantDb, take: number): Promise<User[]> {
  return ((await db.from('users').whereNull('deleted_at').orderBy('id').limit(take)) as Row[]).map(toUser);
}

/** By user name, or by user key. @throws NotFound */
export async function findUser(db: TenantDb, name: string): Promise<User> {
  const row = (await db
    .from('users')
    .whereNull('deleted_at')
    .where((either) => void either.where({ user_name_key: foldName(name) }).orWhere({ user_key: name }))
    .first()) as Row | undefined;
  if (!row) throw new NotFound('user', `there is no user "${name}" in this tenant`);
  return toUser(row);
}

/** Lets a user sign in or not. Either way what was issued until now ends: a disabled user's tokens do not wake up again. */
export async function setUserEnabled(db: TenantDb, name: string, enabled: boolean): Promise<User> {
  const { id, userKey } = await findUser(db, name);
  await db.from('users').where({ id }).update({ enabled, updated_at: Date.now() });
  await revokeAllOf(db, 'user', userKey);
  return findUser(db, userKey);
}

/** Sets another password. Whoever was signed in with the old one is signed out everywhere (ASVS 7.4.3). */
export async function setPassword(db: TenantDb, name: string, passwordHash: string): Promise<void> {
  const { id, userKey } = await findUser(db, name);
  await db.from('users').where({ id }).update({ password_hash: passwordHash, updated_at: Date.now() });
  await revokeAllOf(db, 'user', userKey);
}

/** The look-ups that signing in and tokens make. */
export interface UserFinder {
  /** The user that `sub` names, unless deleted. */
  byKey(tenantId: string, userKey: string): Promise<StoredUser | undefined>;
  /** The user whose user name, e-mail address or phone number this is; undefined when two could be meant. */
  byLogin(tenantId: string, login: string): Promise<StoredUser | undefined>;
}

export function userFinder(store: Store): UserFinder {
  const select = (column: string): Statement =>
    store.prepare(`SELECT * FROM users WHERE tenant_id = ? AND ${column} = ? AND deleted_at IS NULL`);
  const byKey = select('user_key');
  const byName = select('user_name_key');
  const byEmail = select('email_key');
  const byPhone = select('phone_number');
  const byNational = select('phone_national');
  return {
    async byKey(tenantId, userKey) {
      const row = await byKey.first(tenantId, userKey);
      return row && toUser(row);
    },
    async byLogin(tenantId, login) {
      // The three never overlap: a user name has no "@" and is no phone number (names.ts).
      const phone = phoneDigits(login);
      const rows = login.includes('@')
        ? await byEmail.all(tenantId, foldName(login))
        : phone === undefined
          ? await byName.all(tenantId, foldName(login))
          : phone.startsWith('+')
            ? await byPhone.all(tenantId, phone)
            : await byNational.all(tenantId, phone.replace(/^0+/, ''));
      return rows.length === 1 ? toUser(rows[0] as Row) : undefined;
    },
  };
}
