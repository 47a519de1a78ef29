import {
  aboutOne,
  areaAt,
  confinedTo,
  containing,
  defineList,
  defineOperation,
  NAMED_COLUMNS,
  NAMED_LIST,
  listQuery,
  ownerOf,
  pageOf,
  shapes,
  type AnyOperation,
  type Held,
} from '../api/index.js';
import { ROLE_CODES } from './codes.js';
import { BUILT_IN_ROLES, confines, isShared, mqttClaimsIn, permissionsIn, type Role } from './schema.js';
import { checkRoleName } from './names.js';
import { deleteRole, findRole, insertRole, lockRole, toRole, updateRole } from './store.js';

const at = areaAt('role', '/api/Role');
const { cascade, claims, line, name, id, orNull, text, time, withTimes } = shapes;

const fields = {
  displayName: orNull(line(200)),
  description: orNull(text(2000)),
  claims: {
    ...claims,
    description: 'What users of the role carry in their tokens; `permission` opens operations.',
  },
  owner: orNull({
    ...line(64),
    description: 'The `userKey` of the developer whose it is. Only callers who are not confined can set it.',
  }),
} as const;

const ROLE = {
  title: 'Role',
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'builtIn',
    'name',
    'displayName',
    'description',
    'claims',
    'owner',
    'createdAt',
    'updatedAt',
  ],
  properties: {
    id,
    builtIn: orNull({
      type: 'string',
      enum: BUILT_IN_ROLES,
      description:
        'Set for the roles that each tenant begins with, under any name: `user` is given to newcomers, `developer` confines to clients and APIs of one’s own. They can not be deleted.',
    }),
    name,
    ...fields,
    createdAt: time,
    updatedAt: time,
  },
} as const;

const NEW_ROLE = {
  title: 'NewRole',
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: { name, ...fields },
} as const;

const ROLE_CHANGE = {
  title: 'RoleChange',
  description: 'What is left out stays as it is; null clears.',
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id, name, ...fields },
} as const;

const QUERY = listQuery(NAMED_LIST);

const DELETE_QUERY = cascade('Take the role from everybody who has it.');

const heldBy = (role: Role): Held => ({
  permissions: permissionsIn(role.claims),
  mqttClaims: mqttClaimsIn(role.claims),
  confines: confines([role]),
  role: { name: role.name, owner: role.owner, shared: isShared(role) },
});

const authority = aboutOne(async ({ db }, which) => heldBy(await lockRole(db, which)));

export const ROLE_OPERATIONS: readonly AnyOperation[] = [
  at.codes(ROLE_CODES),
  defineList({
    ...at.list,
    summary: 'List roles',
    schemas: { query: QUERY, answer: ROLE },
    handle: ({ db, query }) =>
      pageOf(db, containing(db.from('roles'), 'name', query['q.name']), query, NAMED_COLUMNS, (row) =>
        withTimes(toRole(row)),
      ),
  }),
  defineOperation({
    ...at.detail,
    summary: 'Read a role',
    schemas: { params: shapes.params, answer: ROLE },
    handle: async ({ db, params }) => withTimes(await findRole(db, params.id)),
  }),
  defineOperation({
    ...at.post,
    summary: 'Create a role',
    example: { name: 'auditor', claims: [{ type: 'permission', value: 'isms.user.get' }] },
    schemas: { body: NEW_ROLE, answer: ROLE },
    conflicts: { name: ROLE_CODES.nameExists },
    authority,
    async handle({ db, actor, body }) {
      await checkRoleName(db, actor, body.name);
      const none = { displayName: null, description: null, claims: [] };
      return withTimes(await insertRole(db, { ...none, ...body, owner: ownerOf(actor, body.owner) }));
    },
  }),
  defineOperation({
    ...at.put,
    takesRights: ({ body }) => (body as { claims?: unknown }).claims !== undefined,
    summary: 'Change a role',
    example: { id: '019012a4-5b6c-7d8e-9f00-112233445566', displayName: 'Auditor' },
    schemas: { body: ROLE_CHANGE, answer: ROLE },
    conflicts: { name: ROLE_CODES.nameExists, builtIn: ROLE_CODES.builtIn },
    current: { answer: ROLE, read: async ({ db, body }) => withTimes(await lockRole(db, body.id)) },
    authority,
    async handle({ db, actor, body: { id: which, owner, ...change } }) {
      await checkRoleName(db, actor, change.name, which);
      const given = confinedTo(actor) === undefined ? owner : undefined;
      return withTimes(
        await updateRole(db, which, { ...change, ...(given !== undefined && { owner: given }) }),
      );
    },
  }),
  defineOperation({
    ...at.delete,
    takesRights: true,
    summary: 'Delete a role',
    schemas: { params: shapes.params, query: DELETE_QUERY, answer: shapes.DELETED },
    conflicts: { users: ROLE_CODES.inUse, builtIn: ROLE_CODES.builtIn },
    authority,
    current: { answer: ROLE, read: async ({ db, params }) => withTimes(await lockRole(db, params.id)) },
    async handle({ db, params, query }) {
      await deleteRole(db, params.id, query.cascade ?? false);
      return { id: params.id };
    },
  }),
];
