import {
  aboutOne,
  areaAt,
  confinedTo,
  defineList,
  defineOperation,
  NAMED_LIST,
  listQuery,
  pageOf,
  shapes,
  type AnyOperation,
} from '../api/index.js';
import type { NamesOfDevices } from '../clients/index.js';
import { Invalid, NotFound } from '../kernel/errors.js';
import { foldName } from '../kernel/names.js';
import type { Row } from '../store/index.js';
import { reachOf } from './authority.js';
import { USER_CODES as CODES } from './codes.js';
import { soughtOf, usersWith } from './filters.js';
import { randomUserName } from './names.js';
import { checkGuessable, type Passwords } from './passwords.js';
import { namesOf } from './schema.js';
import { EXPORTED, personalDataOf, shown, shownAll, type Access } from './personal-data.js';
import { fieldsIn, NEW_USER, USER, USER_CHANGE } from './shapes.js';
import {
  deleteUser,
  eraseUser,
  findEvenDeleted,
  findUserById,
  forgetFailures,
  heldBy,
  insertUser,
  lockUser,
  mayTakeRights,
  rolesNamed,
  rolesOf,
  toUser,
  updateUser,
  usersOf,
} from './store.js';

const at = areaAt('user', '/api/User');
const { flag, line } = shapes;

const QUERY = listQuery({
  ...NAMED_LIST,
  orderby: { type: 'string', enum: ['createdAt', 'updatedAt', 'userName'] },
  'q.name': { ...line(100), description: 'Part of the user name or the nick name.' },
  'q.email': { ...line(254), description: 'The whole address.' },
  'q.phoneNumber': { ...line(30), description: 'The whole number: international, or national.' },
  'q.roles': { ...line(2000), description: 'Ids of roles, with commas between: who has all of them.' },
  'q.status': { type: 'string', enum: ['enabled', 'disabled'] },
});

const COLUMNS = { createdAt: 'created_at', updatedAt: 'updated_at', userName: 'user_name_key' };

const HEAD = {
  type: 'object',
  additionalProperties: false,
  properties: {
    phoneNumber: { ...line(30), description: 'International, or national.' },
    email: line(254),
    userName: line(100),
  },
} as const;

const DELETE_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    erase: {
      ...flag('Take out all that is known of the person, of one who was deleted before as well.'),
      default: false,
    },
  },
} as const;

const CONFLICTS = {
  userName: CODES.userNameExists,
  email: CODES.emailExists,
  phoneNumber: CODES.phoneNumberExists,
  userKey: CODES.userKeyExists,
} as const;

/** A caller who changes how a user signs in can act as that user, so each change is about all that the user holds. */
const authorityWith = (devices: NamesOfDevices) =>
  aboutOne(async ({ db, actor }, which) => {
    const user = await findEvenDeleted(db, which);
    const held = heldBy(await rolesOf(db, user), user.claims);
    return confinedTo(actor) === undefined
      ? held
      : { ...held, ...(await reachOf(db, devices, [user]))(user) };
  });

/** @param devices which names are of devices. */
export const userOperations = (
  passwords: Passwords,
  access: Access,
  devices: NamesOfDevices,
): readonly AnyOperation[] => [
  at.codes(CODES),
  defineList({
    ...at.list,
    summary: 'List users',
    schemas: { query: QUERY, answer: USER },
    async handle({ db, query }) {
      const words = (query['q.roles'] ?? '').split(',').filter(Boolean);
      const filters = {
        name: query['q.name'],
        email: query['q.email'],
        phoneNumber: query['q.phoneNumber'],
        status: query['q.status'],
        roles: (await rolesNamed(db, words)).map((role) => role.id),
      };
      const page = await pageOf(db, usersWith(db, filters), query, COLUMNS, toUser, soughtOf(db, filters));
      return { ...page, rows: await shownAll(db, page.rows) };
    },
  }),
  defineOperation({
    ...at.own('head', 'GET', '/Head'),
    summary:
      'Find out whether there is a user with this phone number, e-mail address or user name; HEAD works as well',
    schemas: { query: HEAD, answer: { ...shapes.DELETED, title: 'UserId' } },
    async handle({ db, query }) {
      const { phoneNumber, email, userName } = query;
      if ([phoneNumber, email, userName].filter((given) => given !== undefined).length !== 1)
        throw new Invalid('phoneNumber', 'give one of phoneNumber, email and userName');
      const rows =
        userName === undefined
          ? usersWith(db, { phoneNumber, email, roles: [] })
          : usersOf(db).where({ user_name_key: foldName(userName) });
      const row = await rows.first<Row | undefined>('id');
      if (!row) throw new NotFound('user', 'there is no such user in this tenant');
      return { id: row['id'] as string };
    },
  }),
  defineOperation({
    ...at.detail,
    summary: 'Read a user',
    schemas: { params: shapes.params, answer: USER },
    handle: async ({ db, params }) => shown(db, await findUserById(db, params.id)),
  }),
  defineOperation({
    ...at.own('export', 'GET', '/{id}/Export'),
    summary: 'Export all data of a person, to give to that person',
    schemas: { params: shapes.params, answer: EXPORTED },
    handle: async ({ db, params }) => personalDataOf(db, await findUserById(db, params.id), access),
  }),
  defineOperation({
    ...at.post,
    summary: 'Create a user',
    example: {
      userName: 'carla',
      email: 'carla@example.com',
      password: 'a good long password',
      roles: ['user'],
    },
    schemas: { body: NEW_USER, answer: USER },
    conflicts: CONFLICTS,
    prepare: async ({ tenant, body: { password, ...body } }) =>
      password === undefined ? null : passwords.hash(password, [tenant.name, ...namesOf(body)]),
    authority: authorityWith(devices),
    async handle({ db, body: { password: _given, ...body } }, hash) {
      const user = { ...fieldsIn(body), userName: body.userName ?? randomUserName() };
      return shown(db, await insertUser(db, user, hash));
    },
  }),
  defineOperation({
    ...at.put,
    takesRights: ({ body }) => mayTakeRights(fieldsIn(body as Parameters<typeof fieldsIn>[0])),
    summary: 'Change a user',
    example: { id: '019012a4-5b6c-7d8e-9f00-112233445566', nickName: 'Carla', lockedUntil: null },
    schemas: { body: USER_CHANGE, answer: USER },
    conflicts: CONFLICTS,
    current: { answer: USER, read: async ({ db, body }) => shown(db, await lockUser(db, body.id)) },
    prepare: async ({ tenant, body: { password, ...body } }) =>
      password === undefined ? undefined : passwords.hash(password, [tenant.name, ...namesOf(body)]),
    authority: authorityWith(devices),
    async handle({ db, body: { id: which, password, ...body } }, hash) {
      const user = await lockUser(db, which);
      if (password !== undefined) await checkGuessable(password, namesOf(user));
      const change = fieldsIn(body);
      if (change.lockedUntil === null) await forgetFailures(db, which);
      return shown(db, await updateUser(db, user, change, hash));
    },
  }),
  defineOperation({
    ...at.delete,
    takesRights: true,
    summary: 'Delete a user, who is signed out everywhere; e-mail address and phone number are free again',
    schemas: { params: shapes.params, query: DELETE_QUERY, answer: shapes.DELETED },
    current: { answer: USER, read: async ({ db, params }) => shown(db, await lockUser(db, params.id)) },
    authority: authorityWith(devices),
    async handle({ db, params, query }) {
      const user = query.erase ? await findEvenDeleted(db, params.id) : await lockUser(db, params.id);
      if (query.erase) {
        await access.forget(db, user.userKey);
        await eraseUser(db, user);
      } else await deleteUser(db, user);
      return { id: params.id };
    },
  }),
];
