import { shapes } from '../api/index.js';
import type { Role } from '../roles/index.js';
import type { User, UserFields } from './schema.js';

const { claims, flag, id, iso, line, orNull, properties, text, time, webAddress, withTimes, words } = shapes;

const amount = <const D extends string>(description: D) =>
  ({ type: 'number', minimum: 0, maximum: 1000, description }) as const;

/** What may be said of a user, by an administrator. */
export const fields = {
  userName: { ...line(100), minLength: 1, description: 'No e-mail address and no phone number.' },
  nickName: orNull(line(200)),
  email: orNull(line(254)),
  emailVerified: flag('An address that is changed is not verified any more, unless this says that it is.'),
  countryCode: orNull({ ...line(4), pattern: '^\\+?[1-9][0-9]{0,2}$', description: 'Such as `86`.' }),
  phoneNumber: orNull({ ...line(30), description: 'International (`+86…`), or national with countryCode.' }),
  phoneNumberVerified: { type: 'boolean' },
  gender: orNull(line(50)),
  birthdate: orNull({
    type: 'string',
    pattern: '^[0-9]{4}(?:-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))?$',
    description: '`YYYY-MM-DD`, or the year alone (OIDC Core 5.1).',
  }),
  address: orNull(text(1000)),
  stature: orNull(amount('Centimetres.')),
  weight: orNull(amount('Kilograms.')),
  description: orNull(text(2000)),
  avatar: orNull(webAddress),
  refereeId: orNull({ ...id, description: 'The user who brought this one.' }),
  roles: { ...words(100, 100), description: 'Ids of roles; names are understood as well.' },
  claims,
  properties,
  files: {
    type: 'array',
    maxItems: 50,
    items: {
      title: 'UserFile',
      type: 'object',
      additionalProperties: false,
      required: ['type', 'urls'],
      properties: {
        type: { type: 'string', enum: ['image', 'video', 'doc'] },
        urls: { type: 'array', maxItems: 50, items: webAddress },
      },
    },
  },
  status: { type: 'string', enum: ['enabled', 'disabled'] },
  lockedUntil: orNull({
    ...time,
    description: 'The user can not sign in before this time; null unlocks.',
  } as const),
} as const;

export const password = { type: 'string', maxLength: 512, description: '8 to 128 characters.' } as const;

export const USER = {
  title: 'User',
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'userKey',
    'userName',
    'nickName',
    'email',
    'emailVerified',
    'countryCode',
    'phoneNumber',
    'phoneNumberVerified',
    'gender',
    'birthdate',
    'address',
    'stature',
    'weight',
    'description',
    'avatar',
    'refereeId',
    'lineage',
    'roles',
    'roleNames',
    'claims',
    'properties',
    'files',
    'logins',
    'status',
    'lockedUntil',
    'createdAt',
    'updatedAt',
    'lastLoginAt',
  ],
  properties: {
    id,
    userKey: { type: 'string', description: 'The `sub` of tokens.' },
    ...fields,
    lineage: { type: 'array', items: id, description: 'The chain of referees, the first one first.' },
    roleNames: { type: 'array', items: { type: 'string' } },
    logins: {
      type: 'array',
      description: 'Accounts elsewhere that the user signs in with.',
      items: {
        title: 'Login',
        type: 'object',
        additionalProperties: false,
        required: ['scheme', 'subject'],
        properties: { scheme: { type: 'string' }, subject: { type: 'string' } },
      },
    },
    createdAt: time,
    updatedAt: time,
    lastLoginAt: orNull(time),
  },
} as const;

export const NEW_USER = {
  title: 'NewUser',
  type: 'object',
  additionalProperties: false,
  properties: {
    ...fields,
    userName: { ...fields.userName, description: 'Made at random where it is left out.' },
    password: {
      ...password,
      description: '8 to 128 characters; without one the user can not sign in with a password.',
    },
  },
} as const;

/** A user of another system. */
export const IMPORTED_USER = {
  title: 'ImportedUser',
  type: 'object',
  additionalProperties: false,
  properties: {
    ...fields,
    userKey: {
      type: 'string',
      pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
      description: 'The `sub` that applications know already; a uuid. A new one where it is left out.',
    },
    passwordHash: {
      ...line(500),
      description:
        'Of ASP.NET Identity (v2, v3), bcrypt, PBKDF2, scrypt or Argon2; it becomes one of ours at the first sign-in.',
    },
  },
} as const;

export const USER_CHANGE = {
  title: 'UserChange',
  description: 'What is left out stays as it is; null clears.',
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: {
    id,
    ...fields,
    password: { ...password, description: 'Another password: the user is signed out everywhere.' },
  },
} as const;

/** What a body says of a user, as the store takes it. */
export function fieldsIn<T extends { status?: 'enabled' | 'disabled'; lockedUntil?: string | null }>({
  status,
  lockedUntil,
  ...rest
}: T): Omit<T, 'status' | 'lockedUntil'> & Pick<UserFields, 'enabled' | 'lockedUntil'> {
  return {
    ...rest,
    ...(status !== undefined && { enabled: status === 'enabled' }),
    ...(lockedUntil !== undefined && {
      lockedUntil: lockedUntil === null ? null : Date.parse(lockedUntil),
    }),
  };
}

/** A user as the API shows one. */
export const showUser = (user: User, roles: readonly Role[]) => {
  const { enabled, lockedUntil, lastLoginAt, ...rest } = withTimes(user);
  return {
    ...rest,
    roles: roles.map((role) => role.id),
    roleNames: roles.map((role) => role.name),
    status: enabled ? ('enabled' as const) : ('disabled' as const),
    lockedUntil: lockedUntil === null ? null : iso(lockedUntil),
    lastLoginAt: lastLoginAt === null ? null : iso(lastLoginAt),
  };
};
