import {
  BASIC,
  codesOperation,
  defineList,
  defineOperation,
  Failure,
  holds,
  literal,
  pageOf,
  PAGING,
  shapes,
  type Actor,
  type AnyOperation,
} from '../api/index.js';
import { ROLE_CODES } from './codes.js';
import type { Claim, Role } from './schema.js';
import { deleteRole, findRole, insertRole, lockRole, toRole, updateRole } from './store.js';

const { claims, iso, line, name, id, orNull, text, time } = shapes;

const fields = {
  displayName: orNull(line(200)),
  description: orNull(text(2000)),
  claims: {
    ...claims,
    description: 'What users of the role carry in their tokens; `permission` opens operations.',
  },
} as const;

const ROLE = {
  title: 'Role',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'name', 'displayName', 'description', 'claims', 'createdAt', 'updatedAt'],
  properties: { id, name, ...fields, createdAt: time, updatedAt: time },
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

const QUERY = {
  type: 'object',
  additionalProperties: false,
  required: ['skip', 'take', 'asc'],
  properties: {
    ...PAGING,
    orderby: { type: 'string', enum: ['createdAt', 'updatedAt', 'name'] },
    'q.name': { ...line(100), description: 'Part of the name.' },
  },
} as const;

const DELETE_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    cascade: { type: 'boolean', default: false, description: 'Take the role from everybody who has it.' },
  },
} as const;

const COLUMNS = { createdAt: 'created_at', updatedAt: 'updated_at', name: 'name' };

const shown = ({ createdAt, updatedAt, ...role }: Role) => ({
  ...role,
  createdAt: iso(createdAt),
  updatedAt: iso(updatedAt),
});

/** Nobody gives a permission that they do not have: else whoever may change roles may do everything. @throws Failure */
function mayGive(actor: Actor | undefined, given: readonly Claim[] = []): void {
  const beyond = given.find(({ type, value }) => type === 'permission' && !(actor && holds(actor, value)));
  if (beyond)
    throw new Failure(403, BASIC.forbidden, {
      message: `"${beyond.value}" can be given only by who has it`,
      data: { missing: 'permission', name: beyond.value },
    });
}

export const ROLE_OPERATIONS: readonly AnyOperation[] = [
  codesOperation('role', '/api/Role', ROLE_CODES),
  defineList({
    id: 'role.get',
    method: 'GET',
    path: '/api/Role',
    summary: 'List roles',
    access: { kind: 'bearer', area: 'role', verb: 'get' },
    schemas: { query: QUERY, answer: ROLE },
    async handle({ db, query }) {
      const rows = db.from('roles');
      const part = query['q.name'];
      if (part !== undefined)
        void rows.whereRaw(`LOWER(name) LIKE ? ESCAPE '\\'`, [`%${literal(part.toLowerCase())}%`]);
      return pageOf(rows, query, COLUMNS, (row) => shown(toRole(row)));
    },
  }),
  defineOperation({
    id: 'role.detail',
    method: 'GET',
    path: '/api/Role/{id}',
    summary: 'Read a role',
    access: { kind: 'bearer', area: 'role', verb: 'detail' },
    schemas: { params: shapes.params, answer: ROLE },
    handle: async ({ db, params }) => shown(await findRole(db, params.id)),
  }),
  defineOperation({
    id: 'role.post',
    method: 'POST',
    path: '/api/Role',
    summary: 'Create a role',
    access: { kind: 'bearer', area: 'role', verb: 'post' },
    schemas: { body: NEW_ROLE, answer: ROLE },
    conflicts: { name: ROLE_CODES.nameExists },
    async handle({ db, actor, body }) {
      mayGive(actor, body.claims);
      const none = { displayName: null, description: null, claims: [] };
      return shown(await insertRole(db, { ...none, ...body }));
    },
  }),
  defineOperation({
    id: 'role.put',
    method: 'PUT',
    path: '/api/Role',
    summary: 'Change a role',
    access: { kind: 'bearer', area: 'role', verb: 'put' },
    schemas: { body: ROLE_CHANGE, answer: ROLE },
    conflicts: { name: ROLE_CODES.nameExists },
    current: async ({ db, body }) => shown(await lockRole(db, body.id)),
    async handle({ db, actor, body: { id, ...change } }) {
      mayGive(actor, change.claims);
      return shown(await updateRole(db, id, change));
    },
  }),
  defineOperation({
    id: 'role.delete',
    method: 'DELETE',
    path: '/api/Role/{id}',
    summary: 'Delete a role',
    access: { kind: 'bearer', area: 'role', verb: 'delete' },
    schemas: { params: shapes.params, query: DELETE_QUERY, answer: shapes.DELETED },
    conflicts: { users: ROLE_CODES.inUse },
    async handle({ db, params, query }) {
      await deleteRole(db, params.id, query.cascade ?? false);
      return { id: params.id };
    },
  }),
];
