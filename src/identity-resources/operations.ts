import {
  areaAt,
  containing,
  defineList,
  defineOperation,
  NAMED_COLUMNS,
  NAMED_LIST,
  listQuery,
  pageOf,
  shapes,
  type AnyOperation,
} from '../api/index.js';
import { IDENTITY_RESOURCE_CODES as CODES } from './codes.js';
import {
  deleteIdentityResource,
  findIdentityResource,
  insertIdentityResource,
  lockIdentityResource,
  toStored,
  updateIdentityResource,
  type StoredIdentityResource,
} from './store.js';
import type { Uses } from './uses.js';

const at = areaAt('identityresource', '/api/IdentityResource');
const { cascade, claimNames, id, line, orNull, properties, text, time, withTimes } = shapes;

const name = {
  type: 'string',
  minLength: 1,
  maxLength: 100,
  pattern: '^(?!(?:constructor|prototype)$)[A-Za-z0-9](?:[A-Za-z0-9:_-]*[A-Za-z0-9])?$',
  description: 'The scope. It has no dot: scopes with one belong to APIs.',
} as const;

const fields = {
  displayName: orNull(line(200)),
  description: orNull(text(2000)),
  enabled: { type: 'boolean' },
  required: { type: 'boolean', description: 'Whether a person can not decline it.' },
  emphasize: { type: 'boolean', description: 'Whether the consent page sets it off.' },
  showInDiscoveryDocument: { type: 'boolean' },
  userClaims: {
    ...claimNames,
    description: 'The claims of the user that the scope opens (OIDC Core 5.4).',
  },
  properties,
} as const;

const IDENTITY_RESOURCE = {
  title: 'IdentityResource',
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'name',
    'displayName',
    'description',
    'enabled',
    'required',
    'emphasize',
    'showInDiscoveryDocument',
    'userClaims',
    'properties',
    'createdAt',
    'updatedAt',
  ],
  properties: { id, name, ...fields, createdAt: time, updatedAt: time },
} as const;

const NEW = {
  title: 'NewIdentityResource',
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: { name, ...fields },
} as const;

const CHANGE = {
  title: 'IdentityResourceChange',
  description:
    'What is left out stays as it is; null clears. A scope keeps its name: applications ask for it.',
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id, ...fields },
} as const;

const QUERY = listQuery({
  ...NAMED_LIST,
  'q.enabled': { type: 'boolean' },
});

const DELETE_QUERY = cascade('Take the scope from the clients that have it.');

const shown = ({ showInDiscovery, ...resource }: StoredIdentityResource) => ({
  ...withTimes(resource),
  showInDiscoveryDocument: showInDiscovery,
});

const UNTOUCHED = {
  untouched: 'a scope about a person tells of the person, and opens no operation',
} as const;

/** @param uses which clients may ask for a scope. */
export const identityResourceOperations = (uses: Uses): readonly AnyOperation[] => [
  at.codes(CODES),
  defineList({
    ...at.list,
    summary: 'List the scopes about a person',
    schemas: { query: QUERY, answer: IDENTITY_RESOURCE },
    async handle({ db, query }) {
      const { 'q.name': part, 'q.enabled': enabled } = query;
      const rows = containing(db.from('identity_resources'), 'name', part);
      if (enabled !== undefined) void rows.where({ enabled });
      return pageOf(db, rows, query, NAMED_COLUMNS, (row) => shown(toStored(row)));
    },
  }),
  defineOperation({
    ...at.detail,
    summary: 'Read a scope about a person',
    schemas: { params: shapes.params, answer: IDENTITY_RESOURCE },
    handle: async ({ db, params }) => shown(await findIdentityResource(db, params.id)),
  }),
  defineOperation({
    ...at.post,
    summary: 'Create a scope about a person; it is in discovery and can be asked for at once',
    example: { name: 'loyalty', displayName: 'Your loyalty level', userClaims: ['level'] },
    schemas: { body: NEW, answer: IDENTITY_RESOURCE },
    conflicts: { name: CODES.nameExists },
    changes: 'provider',
    authority: UNTOUCHED,
    handle: async ({ db, body: { name: scope, showInDiscoveryDocument, ...given } }) =>
      shown(
        await insertIdentityResource(db, {
          displayName: null,
          description: null,
          required: false,
          emphasize: false,
          userClaims: [],
          showInDiscovery: showInDiscoveryDocument ?? true,
          ...given,
          name: scope,
        }),
      ),
  }),
  defineOperation({
    ...at.put,
    summary: 'Change a scope about a person',
    example: { id: '019012a4-5b6c-7d8e-9f00-112233445566', emphasize: true },
    schemas: { body: CHANGE, answer: IDENTITY_RESOURCE },
    conflicts: { openid: CODES.required },
    changes: 'provider',
    authority: UNTOUCHED,
    current: {
      answer: IDENTITY_RESOURCE,
      read: async ({ db, body }) => shown(await lockIdentityResource(db, body.id)),
    },
    handle: async ({ db, body: { id: which, showInDiscoveryDocument, ...change } }) =>
      shown(
        await updateIdentityResource(db, which, {
          ...change,
          ...(showInDiscoveryDocument !== undefined && { showInDiscovery: showInDiscoveryDocument }),
        }),
      ),
  }),
  defineOperation({
    ...at.delete,
    takesRights: true,
    summary: 'Delete a scope about a person',
    schemas: { params: shapes.params, query: DELETE_QUERY, answer: shapes.DELETED },
    conflicts: { clients: CODES.inUse, openid: CODES.required },
    changes: 'provider',
    authority: UNTOUCHED,
    current: {
      answer: IDENTITY_RESOURCE,
      read: async ({ db, params }) => shown(await lockIdentityResource(db, params.id)),
    },
    async handle({ db, params, query }) {
      await deleteIdentityResource(db, params.id, uses, query.cascade ?? false);
      return { id: params.id };
    },
  }),
];
