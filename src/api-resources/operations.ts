import {
  areaAt,
  confinedTo,
  containing,
  defineList,
  defineOperation,
  listQuery,
  NAMED_COLUMNS,
  NAMED_LIST,
  pageOf,
  shapes,
  type Actor,
  type AnyOperation,
} from '../api/index.js';
import { release, type Uses } from '../identity-resources/index.js';
import { SIGNING_ALGS } from '../kernel/algorithms.js';
import { Conflict } from '../kernel/errors.js';
import {
  addSecret,
  API_RESOURCE_SECRETS,
  keepSecrets,
  readNewSecret,
  SECRET,
  secretsByOwner,
  showSecret,
  SHOWN_SECRET,
  NEW_SECRET,
} from '../secrets/index.js';
import type { TenantDb, Vault } from '../store/index.js';
import { API_RESOURCE_CODES as CODES } from './codes.js';
import { checkNames, scopeName } from './names.js';
import { MANAGEMENT_API } from './management-scopes.js';
import { newApiResource, newScope, type ApiScope, type StoredApiResource } from './schema.js';
import {
  deleteApiResource,
  discoverableScopes,
  findApiResource,
  insertApiResource,
  lockApiResource,
  ownedBy,
  replaceApiResource,
  withScopes,
} from './store.js';

const at = areaAt('apiresource', '/api/ApiResource');
const { cascade, flag, id, line, name, orNull, properties, seconds, text, time, withTimes, words } = shapes;

const userClaims = (description: string) => ({ ...words(200, 100), description }) as const;

const scopeFields = {
  displayName: orNull(line(200)),
  description: orNull(text(2000)),
  required: flag('Whether a person can not decline it.'),
  emphasize: flag('Whether the consent page sets it off.'),
  showInDiscoveryDocument: flag('Whether discovery and `Scopes` tell of it.'),
  userClaims: userClaims('Claims of the user that tokens with the scope carry, beside those of the API.'),
} as const;

const SCOPE = {
  title: 'ApiScope',
  type: 'object',
  additionalProperties: false,
  required: [
    'name',
    'displayName',
    'description',
    'required',
    'emphasize',
    'showInDiscoveryDocument',
    'userClaims',
  ],
  properties: { name: { type: 'string' }, ...scopeFields },
} as const;

const NEW_SCOPE = {
  title: 'NewApiScope',
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: { ...name, maxLength: 150, description: '`read` of the API `orders` is the scope `orders.read`.' },
    ...scopeFields,
  },
} as const;

const fields = {
  displayName: orNull(line(200)),
  description: orNull(text(2000)),
  enabled: { type: 'boolean' },
  audience: {
    ...line(500),
    pattern: '^[A-Za-z][A-Za-z0-9+.-]*:[\\x21-\\x22\\x24-\\x7e]+$',
    description:
      'The absolute URI that `resource=` names (RFC 8707); `urn:resource:<name>` where nothing is said.',
  },
  tokenAudience: {
    ...line(500),
    pattern: '^[\\x21-\\x7e]+$',
    minLength: 1,
    description: 'What `aud` of its tokens says: `audience` where that was given, else the name.',
  },
  userClaims: userClaims('Claims of the user that access tokens carry, such as `role` and `permission`.'),
  properties,
  accessTokenFormat: { type: 'string', enum: ['jwt', 'opaque'] },
  accessTokenLifetime: orNull(seconds),
  signingAlg: { type: 'string', enum: SIGNING_ALGS },
  owner: orNull({ ...line(64), description: 'The `userKey` of the developer whose it is.' }),
} as const;

export const API_RESOURCE = {
  title: 'ApiResource',
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'name',
    'displayName',
    'description',
    'enabled',
    'audience',
    'tokenAudience',
    'scopes',
    'userClaims',
    'secrets',
    'properties',
    'accessTokenFormat',
    'accessTokenLifetime',
    'signingAlg',
    'owner',
    'createdAt',
    'updatedAt',
  ],
  properties: {
    id,
    name,
    ...fields,
    scopes: { type: 'array', items: SCOPE },
    secrets: { type: 'array', items: SECRET },
    newSecrets: {
      type: 'array',
      items: SHOWN_SECRET,
      description: 'Those that were made just now, shown this once.',
    },
    createdAt: time,
    updatedAt: time,
  },
} as const;

const scopes = { type: 'array', maxItems: 500, items: NEW_SCOPE } as const;

const SECRET_OR_NEW = {
  ...NEW_SECRET,
  title: 'KeptOrNewSecret',
  description: 'With an id: one that stays. Without: a new one.',
  additionalProperties: true,
  properties: { ...NEW_SECRET.properties, id },
} as const;

const NEW = {
  title: 'NewApiResource',
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: { name, ...fields, scopes, secrets: { type: 'array', maxItems: 10, items: NEW_SECRET } },
} as const;

const CHANGE = {
  title: 'ApiResourceChange',
  description:
    'What is left out stays as it is; null clears. `scopes` and `secrets` are all that there are to be. It keeps its name: ' +
    'its scopes begin with it.',
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id, ...fields, scopes, secrets: { type: 'array', maxItems: 20, items: SECRET_OR_NEW } },
} as const;

const QUERY = listQuery({ ...NAMED_LIST, 'q.enabled': { type: 'boolean' } });

const SCOPES = {
  title: 'DiscoverableScopes',
  description: 'The name of each API → its scopes.',
  type: 'object',
  additionalProperties: {
    type: 'array',
    items: {
      title: 'DiscoverableScope',
      type: 'object',
      additionalProperties: false,
      required: ['code', 'name', 'description', 'emphasize'],
      properties: {
        code: { type: 'string', description: 'The scope.' },
        name: { type: ['string', 'null'] },
        description: { type: ['string', 'null'] },
        emphasize: { type: 'boolean' },
      },
    },
  },
} as const;

const CASCADE = cascade('Take it from the clients that use it.');

const CONFLICTS = {
  name: CODES.nameExists,
  audience: CODES.audienceExists,
  scopes: CODES.scopeExists,
  clients: CODES.inUse,
  builtIn: CODES.builtIn,
} as const;

interface GivenScope {
  name: string;
  showInDiscoveryDocument?: boolean | undefined;
}

const scopesOf = (resource: string, given: readonly GivenScope[]): ApiScope[] =>
  given.map(({ name: word, showInDiscoveryDocument: showInDiscovery = true, ...scope }) => ({
    ...newScope(scopeName(resource, word)),
    ...scope,
    showInDiscovery,
  }));

/** Resources as the API shows them. */
async function shownAll(db: TenantDb, resources: StoredApiResource[]) {
  const ids = resources.map((resource) => resource.id);
  const secrets = await secretsByOwner(db, API_RESOURCE_SECRETS, ids);
  return resources.map(({ indicator, audience, scopes: has, ...resource }) => ({
    ...withTimes(resource),
    audience: indicator,
    tokenAudience: audience,
    scopes: has.map(({ showInDiscovery, ...scope }) => ({
      ...scope,
      showInDiscoveryDocument: showInDiscovery,
    })),
    secrets: (secrets.get(resource.id) ?? []).map(showSecret),
  }));
}

export async function shown(db: TenantDb, resource: StoredApiResource) {
  const [one] = await shownAll(db, [resource]);
  if (!one) throw new Error('one resource, one answer');
  return one;
}

/** What a change may not do to the management API: without it nobody could undo the change. @throws Conflict */
function spareBuiltIn({ name: which }: StoredApiResource, change: object): void {
  const fixed = ['scopes', 'enabled', 'audience', 'tokenAudience', 'accessTokenFormat', 'owner'];
  const touched = Object.keys(change).find((key) => fixed.includes(key));
  if (which === MANAGEMENT_API && touched !== undefined)
    throw new Conflict('builtIn', `"${touched}" of the management API is the program's own`);
}

/** Whose a new thing is: a developer's own, or the one that was named. */
const ownerOf = (actor: Actor | undefined, named: string | null | undefined): string | null =>
  confinedTo(actor) ?? named ?? null;

/** @param uses which clients use an API; @param vault hashes its secrets. */
export const apiResourceOperations = (uses: Uses, vault: Vault): readonly AnyOperation[] => [
  at.codes(CODES),
  defineList({
    ...at.list,
    summary: 'List APIs',
    schemas: { query: QUERY, answer: API_RESOURCE },
    async handle({ db, actor, query }) {
      const { 'q.name': part, 'q.enabled': enabled } = query;
      const rows = containing(ownedBy(db, confinedTo(actor)), 'name', part);
      if (enabled !== undefined) void rows.where({ enabled });
      const page = await pageOf(db, rows, query, NAMED_COLUMNS, (row) => row);
      return { ...page, rows: await shownAll(db, await withScopes(db, page.rows)) };
    },
  }),
  defineOperation({
    ...at.own('scopes', 'GET', '/Scopes'),
    summary: 'The scopes that the APIs tell of, by API',
    schemas: { answer: SCOPES },
    handle: async ({ db }) =>
      Object.fromEntries(
        (await discoverableScopes(db)).map(({ name: which, scopes: has }) => [
          which,
          has.map(({ name: code, displayName, description, emphasize }) => ({
            code,
            name: displayName,
            description,
            emphasize,
          })),
        ]),
      ),
  }),
  defineOperation({
    ...at.detail,
    summary: 'Read an API',
    schemas: { params: shapes.params, answer: API_RESOURCE },
    handle: async ({ db, actor, params }) =>
      shown(db, await findApiResource(db, params.id, confinedTo(actor))),
  }),
  defineOperation({
    ...at.post,
    summary: 'Create an API; its scopes can be asked for at once',
    example: {
      name: 'orders',
      displayName: 'Orders',
      scopes: [{ name: 'read' }, { name: 'cancel', emphasize: true }],
    },
    schemas: { body: NEW, answer: API_RESOURCE },
    conflicts: CONFLICTS,
    changes: 'provider',
    async handle({ db, actor, body }) {
      const { name: which, audience, tokenAudience, scopes: given = [], secrets = [], owner, ...more } = body;
      checkNames(which, given);
      const resource = {
        ...newApiResource(which, []),
        ...(audience !== undefined && { indicator: audience, audience }),
        ...(tokenAudience !== undefined && { audience: tokenAudience }),
        ...more,
        scopes: scopesOf(which, given),
        owner: ownerOf(actor, owner),
      };
      const made = await insertApiResource(db, resource);
      const newSecrets = await addSecrets(db, vault, made, secrets);
      return { ...(await shown(db, await findApiResource(db, made))), ...newSecrets };
    },
  }),
  defineOperation({
    ...at.put,
    summary: 'Change an API',
    example: { id: '019012a4-5b6c-7d8e-9f00-112233445566', accessTokenLifetime: 600 },
    schemas: { query: CASCADE, body: CHANGE, answer: API_RESOURCE },
    conflicts: CONFLICTS,
    changes: 'provider',
    current: {
      answer: API_RESOURCE,
      read: async ({ db, actor, body }) => shown(db, await lockApiResource(db, body.id, confinedTo(actor))),
    },
    async handle({ db, actor, query, body }) {
      const { id: which, audience, tokenAudience, scopes: given, secrets, owner, ...change } = body;
      const before = await lockApiResource(db, which, confinedTo(actor));
      spareBuiltIn(before, body);
      if (given) checkNames(before.name, given);
      const after: StoredApiResource = {
        ...before,
        ...change,
        ...(audience !== undefined && { indicator: audience }),
        ...(tokenAudience !== undefined && { audience: tokenAudience }),
        ...(given && { scopes: scopesOf(before.name, given) }),
        ...(owner !== undefined && { owner: ownerOf(actor, owner) }),
      };
      const stay = new Set(after.scopes.map(({ name: scope }) => scope));
      const gone = before.scopes.map(({ name: scope }) => scope).filter((scope) => !stay.has(scope));
      await release(db, uses, { api: before.name, scopes: gone }, query.cascade ?? false);
      await replaceApiResource(db, after);
      if (secrets) await keepSecrets(db, API_RESOURCE_SECRETS, which, idsIn(secrets));
      const newSecrets = await addSecrets(
        db,
        vault,
        which,
        (secrets ?? []).filter((secret) => secret.id === undefined),
      );
      return { ...(await shown(db, await findApiResource(db, which))), ...newSecrets };
    },
  }),
  defineOperation({
    ...at.delete,
    summary: 'Delete an API with its scopes',
    schemas: { params: shapes.params, query: CASCADE, answer: shapes.DELETED },
    conflicts: CONFLICTS,
    changes: 'provider',
    current: {
      answer: API_RESOURCE,
      read: async ({ db, actor, params }) =>
        shown(db, await lockApiResource(db, params.id, confinedTo(actor))),
    },
    async handle({ db, actor, params, query }) {
      const resource = await lockApiResource(db, params.id, confinedTo(actor));
      if (resource.name === MANAGEMENT_API)
        throw new Conflict('builtIn', 'the management API can not be deleted');
      const used = { api: resource.name, scopes: resource.scopes.map((scope) => scope.name), served: true };
      await release(db, uses, used, query.cascade ?? false);
      await deleteApiResource(db, params.id);
      return { id: params.id };
    },
  }),
];

const idsIn = (secrets: readonly { id?: string | undefined }[]): string[] =>
  secrets.flatMap(({ id: which }) => (which === undefined ? [] : [which]));

type AskedSecret = Omit<Parameters<typeof addSecret>[4] & object, 'expiresAt'> & {
  expiresAt?: string | null | undefined;
};

async function addSecrets(db: TenantDb, vault: Vault, resourceId: string, asked: readonly AskedSecret[]) {
  if (asked.length === 0) return {};
  const newSecrets = [];
  for (const secret of asked) {
    const made = await addSecret(db, vault, API_RESOURCE_SECRETS, resourceId, readNewSecret(secret));
    newSecrets.push({ ...showSecret(made), secret: made.plaintext });
  }
  return { newSecrets };
}
