import { randomUUID } from 'node:crypto';
import type { Held } from '../api/index.js';
import { releaseBlobsOf } from '../blobs/index.js';
import { forgetIssuedTokens } from '../clients/index.js';
import { checkOwnClaims } from '../kernel/claim-names.js';
import { Conflict, Invalid, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { foldName } from '../kernel/names.js';
import { parse } from '../kernel/json.js';
import { forgetAddresses } from '../observe/index.js';
import { revokeAllOf } from '../revocations/index.js';
import {
  confines,
  holdsEverything,
  keepWayIn,
  mqttClaimsIn,
  permissionsIn,
  rolesByWord,
  rolesOfUsers,
  sharedNames,
  type Claim,
  type Role,
} from '../roles/index.js';
import { uniquely, type Row, type Statement, type Store, type TenantDb } from '../store/index.js';
import { followLineage, lineageUnder } from './lineage.js';
import { checkEmail, phoneDigits, readPhone, type Target } from '../verification/index.js';
import { checkNoClients, checkNoSubject, clientsNamed, takenByClient } from './carried-names.js';
import { checkUserName } from './names.js';
import type { Login, NewUser, User, UserFields, UserFile } from './schema.js';

/** A user with what only signing in needs. */
export interface StoredUser extends User {
  passwordHash: string | null;
}

export const toUser = (row: Row): StoredUser => ({
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
  stature: row['stature'] as number | null,
  weight: row['weight'] as number | null,
  description: row['description'] as string | null,
  avatar: row['avatar'] as string | null,
  refereeId: row['referee_id'] as string | null,
  lineage: parse<string[]>(row['lineage']),
  claims: parse<Claim[]>(row['claims']),
  properties: parse<Record<string, string>>(row['properties']),
  files: parse<UserFile[]>(row['files']),
  logins: parse<Login[]>(row['logins']),
  enabled: Boolean(row['enabled']),
  lockedUntil: row['locked_until'] as number | null,
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
  lastLoginAt: row['last_login_at'] as number | null,
  passwordHash: row['password_hash'] as string | null,
});

/** The users who are there: not those who were deleted. */
export const usersOf = (db: TenantDb) => db.from('users').whereNull('deleted_at');

/** Which unique index means which field. */
export const TAKEN: Record<string, [string, string]> = {
  users_user_name_key: ['userName', 'another user of this tenant has this userName'],
  users_email_key: ['email', 'another user of this tenant has this email'],
  users_phone_number: ['phoneNumber', 'another user of this tenant has this phoneNumber'],
  users_user_key: ['userKey', 'another user of this tenant has, or had, this userKey'],
};

/** What people are found by. */
const namesOf = ({ userName, nickName }: Pick<User, 'userName' | 'nickName'>): string[] =>
  nickName === null ? [userName] : [userName, nickName];

/** @throws Invalid */
function contactsOf(fields: UserFields, countryCode: string | null): Record<string, unknown> {
  const { userName, email, phoneNumber } = fields;
  if (userName !== undefined) checkUserName(userName);
  if (email != null) checkEmail(email);
  const phone = phoneNumber == null ? undefined : readPhone(phoneNumber, countryCode ?? undefined);
  return {
    ...(userName !== undefined && { user_name: userName, user_name_key: foldName(userName) }),
    ...(email !== undefined && { email, email_key: email === null ? null : foldName(email) }),
    ...(phoneNumber !== undefined && {
      country_code: phone?.countryCode ?? null,
      phone_number: phone?.number ?? null,
      phone_national: phone?.national ?? null,
    }),
  };
}

const PLAIN: Partial<Record<keyof UserFields, string>> = {
  nickName: 'nick_name',
  emailVerified: 'email_verified',
  phoneNumberVerified: 'phone_number_verified',
  gender: 'gender',
  birthdate: 'birthdate',
  address: 'address',
  stature: 'stature',
  weight: 'weight',
  description: 'description',
  avatar: 'avatar',
  enabled: 'enabled',
  lockedUntil: 'locked_until',
};
const DOCUMENTS = { claims: [], properties: {}, files: [] } as const;

/** The columns of what is said of a user. */
const columnsOf = (fields: UserFields): Record<string, unknown> => ({
  ...Object.fromEntries(
    Object.entries(PLAIN).flatMap(([field, column]) => {
      const value = fields[field as keyof UserFields];
      return value === undefined ? [] : [[column, value]];
    }),
  ),
  ...Object.fromEntries(
    Object.entries(DOCUMENTS).flatMap(([field, none]) => {
      const value = fields[field as keyof typeof DOCUMENTS];
      return value === undefined ? [] : [[field, JSON.stringify(value ?? none)]];
    }),
  ),
});

/** A user of whom nothing is said. Rows that are written together have the same columns, whatever is said of each. */
const NOTHING_SAID: Required<Omit<UserFields, 'userName' | 'refereeId' | 'roles' | 'countryCode'>> = {
  email: null,
  emailVerified: false,
  phoneNumber: null,
  phoneNumberVerified: false,
  nickName: null,
  gender: null,
  birthdate: null,
  address: null,
  stature: null,
  weight: null,
  description: null,
  avatar: null,
  properties: {},
  files: [],
  claims: [],
  enabled: true,
  lockedUntil: null,
};
const UNSAID = { ...contactsOf(NOTHING_SAID, null), ...columnsOf(NOTHING_SAID) };

/** @throws Invalid naming the role that is not there */
export async function rolesNamed(db: TenantDb, words: readonly string[]): Promise<Role[]> {
  if (words.length === 0) return [];
  const roles = await rolesByWord(db, words);
  for (const word of words)
    if (!roles.some(({ id, name }) => id === word || name === word))
      throw new Invalid('roles', `there is no role "${word}" in this tenant`);
  return roles;
}

/** The same, asked once for the same words. Most users of an import have the same roles. */
export function rememberedRoles(db: TenantDb): (words: readonly string[]) => Promise<Role[]> {
  const known = new Map<string, Promise<Role[]>>();
  return (words) => {
    const key = words.join('\n');
    let roles = known.get(key);
    if (!roles) known.set(key, (roles = rolesNamed(db, words)));
    return roles;
  };
}

/** A new user with what comes with it, ready to be written. */
export interface PreparedUser {
  row: Record<string, unknown> & { id: string };
  roles: Role[];
  names: string[];
}

/**
 * @param rolesOf the roles that go by these words; where many users are made, it may remember.
 * @throws Invalid
 */
export async function prepareUser(
  db: TenantDb,
  user: NewUser,
  passwordHash: string | null,
  rolesOf = (words: readonly string[]): Promise<Role[]> => rolesNamed(db, words),
): Promise<PreparedUser> {
  checkOwnClaims(user.claims);
  const contacts = contactsOf(user, user.countryCode ?? null);
  const roles = await rolesOf(user.roles ?? []);
  const lineage = await lineageUnder(db, user.refereeId ?? null);
  const names = namesOf({ userName: user.userName, nickName: user.nickName ?? null });
  const now = Date.now();
  const userKey = user.userKey ?? randomUUID();
  checkNoSubject({ userKey, userName: user.userName });
  const row = {
    id: newId(),
    user_key: userKey,
    ...UNSAID,
    ...contacts,
    ...columnsOf(user),
    search_name: foldName(names.join('\n')),
    referee_id: user.refereeId ?? null,
    lineage: JSON.stringify(lineage),
    password_hash: passwordHash,
    created_at: now,
    updated_at: now,
  };
  return { row, roles, names };
}

const userNameOf = ({ row }: PreparedUser): string => row['user_name'] as string;

/** The columns that are a user's own, and the index that keeps each so. */
const OWN = {
  user_name_key: 'users_user_name_key',
  email_key: 'users_email_key',
  phone_number: 'users_phone_number',
  user_key: 'users_user_key',
} as const;

/**
 * Which of these users can not be written, because somebody has what is to be theirs, or one before them in the list. Others
 * may come in between, so the indexes have the last word; this is for telling most of them beforehand.
 */
export async function alreadyTaken(
  db: TenantDb,
  users: readonly PreparedUser[],
): Promise<Map<PreparedUser, Conflict>> {
  const taken = new Map<PreparedUser, Conflict>();
  const clients = await clientsNamed(db, users.map(userNameOf));
  for (const user of users)
    if (clients.has(userNameOf(user))) taken.set(user, takenByClient(userNameOf(user)));
  for (const [column, index] of Object.entries(OWN)) {
    const values = users.map(({ row }) => row[column]).filter((value) => typeof value === 'string');
    const rows = column === 'user_key' ? db.from('users') : usersOf(db);
    const found = await db.among(rows, column, values).select<Row[]>(column);
    const seen = new Set(found.map((row) => row[column]));
    for (const user of users) {
      const value = user.row[column] as string | null | undefined;
      if (value == null || taken.has(user)) continue;
      if (seen.has(value)) taken.set(user, new Conflict(...(TAKEN[index] as [string, string])));
      seen.add(value);
    }
  }
  return taken;
}

/** Writes new users, all or none. @throws Conflict when a name, an address or a number is taken */
export async function writeUsers(db: TenantDb, users: readonly PreparedUser[]): Promise<void> {
  await checkNoClients(db, users.map(userNameOf));
  await uniquely(TAKEN, () =>
    db.insertAll(
      'users',
      users.map(({ row }) => row),
    ),
  );
  const roles = users.flatMap(({ row, roles: has }) =>
    has.map((role) => ({ user_id: row.id, role_id: role.id })),
  );
  await db.insertAll('user_roles', roles);
  await db.names.add(users.map(({ row, names }) => ({ userId: row.id, names })));
}

/** @throws Invalid, Conflict */
export async function insertUser(db: TenantDb, user: NewUser, passwordHash: string | null): Promise<User> {
  const prepared = await prepareUser(db, user, passwordHash);
  await writeUsers(db, [prepared]);
  return findUserById(db, prepared.row.id);
}

/**
 * Writes what is given and leaves the rest; take the user by `lockUser`. Whoever is disabled, enabled or given another
 * password is signed out everywhere (ASVS 7.4.3).
 * @throws Invalid, Conflict, also where nobody could manage the tenant any more
 */
export async function updateUser(
  db: TenantDb,
  before: User,
  change: UserFields,
  passwordHash?: string,
): Promise<User> {
  const { id } = before;
  const { refereeId, roles } = change;
  checkOwnClaims(change.claims, before.claims);
  const newAddress = change.email !== undefined && change.email !== before.email;
  const newNumber = change.phoneNumber !== undefined && change.phoneNumber !== before.phoneNumber;
  // A country code alone says how the number that is there is to be read.
  const recoded = change.phoneNumber === undefined && change.countryCode != null;
  const phoneNumber = recoded ? (before.phoneNumber ?? undefined) : change.phoneNumber;
  const after = { ...before, ...(change.userName !== undefined && { userName: change.userName }) };
  if (change.nickName !== undefined) after.nickName = change.nickName;
  // A name of before there were rules may be said again.
  const renamed = after.userName !== before.userName;
  if (renamed) checkNoSubject(after);
  const names = namesOf(after);
  const moved = refereeId !== undefined && refereeId !== before.refereeId;
  const lineage = moved ? await lineageUnder(db, refereeId, id) : before.lineage;
  const columns = {
    // Another address is not the one that was verified.
    ...(newAddress && { email_verified: false }),
    ...(newNumber && { phone_number_verified: false }),
    ...contactsOf({ ...change, phoneNumber }, change.countryCode ?? before.countryCode),
    ...columnsOf(change),
    search_name: foldName(names.join('\n')),
    ...(moved && { referee_id: refereeId, lineage: JSON.stringify(lineage) }),
    ...(passwordHash !== undefined && { password_hash: passwordHash }),
    updated_at: Date.now(),
  };
  const write = async (): Promise<void> => {
    if (renamed) await checkNoClients(db, [after.userName]);
    await uniquely(TAKEN, async () => db.from('users').where({ id }).update(columns));
    if (roles) await setRoles(db, id, await rolesNamed(db, roles));
  };
  await (mayTakeRights(change) ? keepWayIn(db, () => isWayIn(db, before), write) : write());
  if (names.join('\n') !== namesOf(before).join('\n')) await db.names.write(id, names);
  if (moved) await followLineage(db, id, lineage);
  const ends = passwordHash !== undefined || (change.enabled ?? before.enabled) !== before.enabled;
  if (ends) await revokeAllOf(db, 'user', before.userKey);
  return findUserById(db, id);
}

/** What a user may do now: the permissions of their roles, and their own. */
const permissionsNow = async (db: TenantDb, user: User): Promise<readonly string[]> =>
  heldBy(await rolesOf(db, user), user.claims).permissions ?? [];

/**
 * What a user may do at the management API, as a transaction sees it.
 * @returns undefined for one who may not sign in
 */
export async function standingIn(
  db: TenantDb,
  userKey: string,
): Promise<{ permissions: readonly string[]; confined: boolean } | undefined> {
  const row = (await usersOf(db).where({ user_key: userKey, enabled: true }).first()) as Row | undefined;
  if (!row) return undefined;
  const user = toUser(row);
  const roles = await rolesOf(db, user);
  return { permissions: heldBy(roles, user.claims).permissions ?? [], confined: confines(roles) };
}

/** Whether a change of a user can take rights from the user, or a way to sign in. Asked twice, it answers the same. */
export const mayTakeRights = ({
  roles,
  claims,
  enabled,
  lockedUntil,
  email,
  phoneNumber,
}: UserFields): boolean =>
  roles !== undefined ||
  claims !== undefined ||
  enabled !== undefined ||
  (lockedUntil ?? null) !== null ||
  email === null ||
  phoneNumber === null;

/** Whether a user may be the way into the tenant: one who is enabled and holds everything now. */
const isWayIn = async (db: TenantDb, user: User): Promise<boolean> =>
  user.enabled && holdsEverything(await permissionsNow(db, user));

async function setRoles(db: TenantDb, userId: string, roles: readonly Role[]): Promise<void> {
  await db.from('user_roles').where({ user_id: userId }).delete();
  await db.insertAll(
    'user_roles',
    roles.map(({ id }) => ({ user_id: userId, role_id: id })),
  );
}

export async function listUsers(db: TenantDb, take: number): Promise<User[]> {
  return ((await usersOf(db).orderBy('id').limit(take)) as Row[]).map(toUser);
}

const found = (which: string, row: Row | undefined): StoredUser => {
  if (!row) throw new NotFound('user', `there is no user "${which}" in this tenant`);
  return toUser(row);
};

/** @throws NotFound */
export const findUserById = async (db: TenantDb, id: string): Promise<StoredUser> =>
  found(id, (await usersOf(db).where({ id }).first()) as Row | undefined);

/** The same, and nobody else changes it before the transaction ends. @throws NotFound */
export const lockUser = async (db: TenantDb, id: string): Promise<StoredUser> =>
  found(id, (await usersOf(db).where({ id }).forUpdate().first()) as Row | undefined);

/** By user name, or by user key. @throws NotFound */
export const findUser = async (db: TenantDb, name: string): Promise<StoredUser> =>
  found(
    name,
    (await usersOf(db)
      .where((either) => void either.where({ user_name_key: foldName(name) }).orWhere({ user_key: name }))
      .first()) as Row | undefined,
  );

/** Who has an e-mail address or a phone number. */
export async function atTarget(db: TenantDb, { channel, address }: Target): Promise<StoredUser | undefined> {
  const where = channel === 'sms' ? { phone_number: address } : { email_key: foldName(address) };
  const row = (await usersOf(db).where(where).first()) as Row | undefined;
  return row && toUser(row);
}

export const rolesOf = async (db: TenantDb, { id }: Pick<User, 'id'>): Promise<Role[]> =>
  (await rolesOfUsers(db, [id])).get(id) ?? [];

/** What users hold who have these roles and these claims of their own. */
export const heldBy = (roles: readonly Role[], claims: readonly Claim[] = []): Held => ({
  permissions: permissionsIn([...roles.flatMap((role) => role.claims), ...claims]),
  mqttClaims: mqttClaimsIn([...roles.flatMap((role) => role.claims), ...claims]),
  confines: confines(roles),
  roles: sharedNames(roles),
});

/** The names of the roles that a user has who may sign in. */
export async function roleNamesOf(db: TenantDb, userKey: string): Promise<Set<string>> {
  const row = await usersOf(db).where({ user_key: userKey, enabled: true }).first<Row | undefined>('id');
  return new Set(row && (await rolesOf(db, { id: row['id'] as string })).map(({ name }) => name));
}

/** What belongs to users by their key, and stays when they are erased. */
const OWNED = ['clients', 'api_resources', 'initial_access_tokens', 'roles'] as const;

/** Those of these keys to which something belongs that confined users have made. */
export async function owningKeys(db: TenantDb, keys: readonly string[]): Promise<Set<string>> {
  const owning = new Set<string>();
  if (keys.length === 0) return owning;
  for (const table of OWNED)
    for (const row of await db
      .among(db.from(table), 'owner_user_key', keys)
      .distinct()
      .select<Row[]>('owner_user_key'))
      owning.add(row['owner_user_key'] as string);
  return owning;
}

/** Lets a user sign in or not. Either way what was issued until now ends: a disabled user's tokens do not wake up again. */
export async function setUserEnabled(db: TenantDb, name: string, enabled: boolean): Promise<User> {
  await db.lockRights('take');
  const user = await lockUser(db, (await findUser(db, name)).id);
  // Said again, it ends what was issued in between.
  if (user.enabled === enabled) await revokeAllOf(db, 'user', user.userKey);
  return updateUser(db, user, { enabled });
}

/** Sets another password. Whoever was signed in with the old one is signed out everywhere. */
export async function setPassword(db: TenantDb, name: string, passwordHash: string): Promise<void> {
  await updateUser(db, await lockUser(db, (await findUser(db, name)).id), {}, passwordHash);
}

/**
 * Takes a user out, signs them out everywhere, and frees the names for others. What is known of them stays.
 * @throws Conflict where nobody could manage the tenant any more
 */
export async function deleteUser(db: TenantDb, user: User): Promise<void> {
  const { id, userKey } = user;
  await keepWayIn(
    db,
    () => isWayIn(db, user),
    async () => {
      await db.from('users').where({ id }).update({ deleted_at: Date.now() });
      await db.from('user_roles').where({ user_id: id }).delete();
    },
  );
  await db.names.write(id, []);
  await revokeAllOf(db, 'user', userKey);
}

/** A user who is there, or who was deleted and is still known. @throws NotFound */
export const findEvenDeleted = async (db: TenantDb, id: string): Promise<StoredUser> =>
  found(id, (await db.from('users').where({ id }).forUpdate().first()) as Row | undefined);

/**
 * Takes out all that is known of a person. The audit keeps what was done, by a key that belongs to nobody any more, and not
 * from where.
 * @throws Conflict where nobody could manage the tenant any more
 */
export async function eraseUser(db: TenantDb, user: User): Promise<void> {
  const { id, userKey } = user;
  await revokeAllOf(db, 'user', userKey);
  await keepWayIn(
    db,
    () => isWayIn(db, user),
    async () => void (await db.from('users').where({ id }).delete()),
  );
  for (const table of ['sign_in_failures', 'known_addresses']) await db.deleteAll(table, { account: id });
  await forgetIssuedTokens(db, userKey);
  await forgetAddresses(db, userKey);
  await releaseBlobsOf(db, userKey);
}

/** Forgets wrong passwords, so that a locked account can be tried again. */
export const forgetFailures = async (db: TenantDb, id: string): Promise<void> =>
  void (await db.from('sign_in_failures').where({ account: id }).delete());

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
