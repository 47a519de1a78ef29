import { listQuery, NAMED_LIST, shapes } from '../api/index.js';
import { SIGNING_ALGS } from '../kernel/algorithms.js';
import {
  API_RESOURCE_SECRETS,
  NEW_SECRET,
  SECRET,
  secretsByOwner,
  SHOWN_SECRET,
  showSecret,
} from '../secrets/index.js';
import type { TenantDb } from '../store/index.js';
import { scopeName } from './names.js';
import { newScope, type ApiScope, type StoredApiResource } from './schema.js';

const { claimNames, flag, id, line, name, orNull, properties, seconds, text, time, withTimes } = shapes;

const userClaims = (description: string) => ({ ...claimNames, description }) as const;

const scopeFields = {
  displayName: orNull(line(200)),
  description: orNull(text(2000)),
  required: flag('Whether a person can not decline it.'),
  emphasize: flag('Whether the consent page sets it off.'),
  showInDiscoveryDocument: flag('Whether discovery and `Scopes` tell of it.'),
  userClaims: userClaims('Claims of the user in tokens with this scope, in addition to those of the API.'),
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

export const NEW = {
  title: 'NewApiResource',
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: { name, ...fields, scopes, secrets: { type: 'array', maxItems: 10, items: NEW_SECRET } },
} as const;

export const CHANGE = {
  title: 'ApiResourceChange',
  description:
    'What is left out stays as it is; null clears. `scopes` and `secrets` are all that there are to be. It keeps its name: ' +
    'its scopes begin with it.',
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id, ...fields, scopes, secrets: { type: 'array', maxItems: 20, items: SECRET_OR_NEW } },
} as const;

export const QUERY = listQuery({ ...NAMED_LIST, 'q.enabled': { type: 'boolean' } });

export const SCOPES = {
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

interface GivenScope {
  name: string;
  showInDiscoveryDocument?: boolean | undefined;
}

export const scopesOf = (resource: string, given: readonly GivenScope[]): ApiScope[] =>
  given.map(({ name: word, showInDiscoveryDocument: showInDiscovery = true, ...scope }) => ({
    ...newScope(scopeName(resource, word)),
    ...scope,
    showInDiscovery,
  }));

/** Resources as the API shows them. */
export async function shownAll(db: TenantDb, resources: StoredApiResource[]) {
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
