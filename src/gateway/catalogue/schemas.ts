import { shapes } from '../../api/index.js';
import { WARNINGS } from './warning-schemas.js';

/** JSON Schemas of what the operations about versions, revisions and releases take and answer. */

const { label, line, orNull, text, time, webAddress } = shapes;

/** An id of a version or a revision as callers see it. */
export const gatewayId = { ...shapes.id, pattern: '^[A-Za-z0-9_-]*$' } as const;

const ADDRESS = line(2000);
const scope = {
  type: 'string',
  maxLength: 1000,
  pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E ]*$',
  description: 'Scopes, separated by spaces, that every call needs too.',
} as const;

export const POLICY = orNull({
  type: 'object',
  additionalProperties: true,
  description: '`GET /api/Gateway/PolicySchema` answers what it can have.',
});

const VERSION_SCHEME = {
  type: 'object',
  additionalProperties: false,
  required: ['in'],
  description: 'How a caller names a version: by a segment of the path, a header, or a query parameter.',
  properties: {
    in: { type: 'string', enum: ['path', 'header', 'query'] },
    name: orNull({ type: 'string', maxLength: 64, pattern: '^[A-Za-z0-9._~-]*$' }),
  },
} as const;

const announced = {
  type: 'boolean',
  description:
    'In the answer to what is announced: whether its subscribers get a mail. They get `gateway.announcementsPerDay` of an API in 24 hours; what is beyond works, without a mail.',
} as const;

const productIds = { type: 'array', maxItems: 100, uniqueItems: true, items: gatewayId } as const;

export const REVISION = {
  title: 'GatewayRevision',
  type: 'object',
  additionalProperties: false,
  required: [
    ...['id', 'apiId', 'revision', 'isCurrent', 'isOnline', 'description', 'privateUrl', 'serviceUrl'],
    ...['documentType', 'operationCount', 'policy', 'author', 'createdAt', 'updatedAt'],
  ],
  properties: {
    id: { ...gatewayId, description: 'The `revisionId`.' },
    apiId: gatewayId,
    revision: { type: 'integer', minimum: 1 },
    isCurrent: { type: 'boolean' },
    isOnline: { type: 'boolean' },
    description: orNull(text(10_000)),
    privateUrl: { ...ADDRESS, description: 'Where this revision is called, whichever is current.' },
    serviceUrl: { ...ADDRESS, description: 'The backend.' },
    documentType: { type: 'string', enum: ['swagger-2.0', 'openapi-3.0', 'openapi-3.1'] },
    operationCount: { type: 'integer', minimum: 0 },
    policy: POLICY,
    author: { ...line(200), description: 'Who has published it: a `userKey`, or a `clientId`.' },
    warnings: WARNINGS,
    createdAt: time,
    updatedAt: time,
  },
} as const;

export const VERSION = {
  title: 'GatewayVersion',
  type: 'object',
  additionalProperties: false,
  required: [
    ...['apiId', 'apiVersionName', 'name', 'description', 'suffix', 'versionScheme', 'url', 'productIds'],
    ...['authorizationServerId', 'scope', 'passToken', 'revisions', 'createdAt', 'updatedAt'],
  ],
  properties: {
    apiId: { ...gatewayId, description: 'Of the first version the id of the API.' },
    apiVersionName: orNull(line(32)),
    name: line(200),
    description: orNull(text(20_000)),
    suffix: line(32),
    versionScheme: VERSION_SCHEME,
    url: { ...ADDRESS, description: 'Where callers find it.' },
    productIds,
    authorizationServerId: gatewayId,
    scope: orNull(scope),
    passToken: { type: 'boolean' },
    revisions: { type: 'array', items: REVISION, description: 'The newest first.' },
    announced,
    warnings: WARNINGS,
    createdAt: time,
    updatedAt: time,
  },
} as const;

/** Where a document comes from: fields of a body. */
export const SOURCE = {
  swaggerUrl: orNull({ ...webAddress, description: 'The http(s) address of the OpenAPI document.' }),
  document: {
    type: ['object', 'string', 'null'],
    additionalProperties: true,
    description: 'The OpenAPI or Swagger document: an object, or a text of JSON or YAML.',
  },
} as const;

const serviceUrl = orNull({
  ...webAddress,
  description:
    'The backend: http(s), without user, query and fragment. The document’s first server unless given.',
});

const PUBLISHED = {
  apiId: orNull({ ...gatewayId, description: 'The version to change; the first one unless given.' }),
  suffix: orNull({
    type: 'string',
    maxLength: 32,
    pattern: '^[a-zA-Z0-9-]*$',
    description:
      'Where the API is below /gateway/; callers write it in the same case. Required at the first time.',
  }),
  swaggerUrl: SOURCE.swaggerUrl,
  name: orNull(line(200)),
  description: orNull(text(20_000)),
  productIds: orNull({
    ...productIds,
    description:
      'The products that the version is in. To add one, you need `isms.gateway.putproduct` as well; confined callers cannot.',
  }),
  serviceUrl,
  authorizationServerId: orNull({
    ...gatewayId,
    description:
      '`self` (this issuer) unless given; `none`: no token is asked; or an authorization server’s id.',
  }),
  scope: orNull(scope),
  versionScheme: orNull(VERSION_SCHEME),
  policy: POLICY,
  passToken: orNull({
    type: 'boolean',
    description: 'Whether `Authorization` goes to the backend; it does not unless it is set.',
  }),
} as const;

export const PUBLISH = {
  title: 'GatewayPublish',
  description: 'At a change, what is left out stays as it is, and null clears.',
  type: 'object',
  additionalProperties: false,
  properties: {
    ...PUBLISHED,
    document: SOURCE.document,
    openid: orNull({ ...gatewayId, description: 'The older name of `authorizationServerId`.' }),
    notify: orNull({
      type: 'boolean',
      description: 'Whether subscribers get a mail; they do unless it is false.',
    }),
  },
} as const;

export const PUBLISH_CONFIGURATION = {
  title: 'GatewayPublishConfiguration',
  type: ['object', 'null'],
  additionalProperties: false,
  required: ['apiId', 'documentSource'],
  properties: {
    ...PUBLISHED,
    apiId: gatewayId,
    documentSource: {
      type: 'string',
      enum: ['inline', 'url'],
      description: 'How the version’s last document was sent.',
    },
  },
} as const;

export const PUBLISH_REVISION = {
  title: 'GatewayPublishRevision',
  type: 'object',
  additionalProperties: false,
  properties: {
    apiId: orNull({ ...gatewayId, description: 'The version; the first one unless given.' }),
    ...SOURCE,
    serviceUrl: { ...serviceUrl, description: 'The current revision’s unless given.' },
    policy: { ...POLICY, description: 'The current revision’s unless given.' },
    releaseNote: orNull(text(10_000)),
  },
} as const;

export const PUBLISH_VERSION = {
  title: 'GatewayPublishVersion',
  type: 'object',
  additionalProperties: false,
  required: ['revisionId', 'apiVersionName'],
  properties: {
    revisionId: { ...gatewayId, description: 'The new version’s first revision is a copy of it.' },
    apiVersionName: {
      type: 'string',
      minLength: 1,
      maxLength: 32,
      pattern: '^[A-Za-z0-9][A-Za-z0-9.-]*$',
      description: 'Kept in lower case.',
    },
  },
} as const;

export const ONLINE = {
  title: 'GatewayOnline',
  type: 'object',
  additionalProperties: false,
  properties: {
    notes: orNull({
      ...text(10_000),
      description:
        'Of the release that is added. The revision’s releaseNote at its first time, unless given.',
    }),
  },
} as const;

export const REVISION_CHANGE = {
  title: 'GatewayRevisionChange',
  description: 'What is left out stays as it is; null clears.',
  type: 'object',
  additionalProperties: false,
  properties: { isOnline: { type: 'boolean' }, description: orNull(text(10_000)) },
} as const;

export const RELEASE = {
  title: 'GatewayRelease',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'apiId', 'revisionId', 'notes', 'createdAt', 'updatedAt'],
  properties: {
    id: gatewayId,
    apiId: gatewayId,
    revisionId: gatewayId,
    notes: text(10_000),
    announced,
    createdAt: time,
    updatedAt: time,
  },
} as const;

const notes = { ...text(10_000), minLength: 1 } as const;

export const NEW_RELEASE = {
  title: 'NewGatewayRelease',
  description:
    'It is about a revision, or about the current one of a version: the first version’s unless one is named.',
  type: 'object',
  additionalProperties: false,
  required: ['notes'],
  properties: {
    notes,
    revisionId: orNull(gatewayId),
    apiId: orNull(gatewayId),
    aid: orNull({ ...line(80), description: '`<apiId>` or `<apiId>;rev=<number>`.' }),
    notify: orNull({
      type: 'boolean',
      description: 'Whether subscribers get a mail; they do unless it is false.',
    }),
  },
} as const;

export const RELEASE_CHANGE = {
  title: 'GatewayReleaseChange',
  type: 'object',
  additionalProperties: false,
  required: ['notes'],
  properties: { notes },
} as const;

/** The parameters of a path below an API, with the id of something that belongs to it. */
export const paramsWith = <const N extends string>(name: N) =>
  ({
    type: 'object',
    additionalProperties: false,
    required: ['id', name],
    properties: { id: shapes.id, [name]: shapes.id } as { id: typeof shapes.id } & Record<
      N,
      typeof shapes.id
    >,
  }) as const;

/** The parameters of a path with one id of its own name. */
export const onlyParam = <const N extends string>(name: N) =>
  ({
    type: 'object',
    additionalProperties: false,
    required: [name],
    properties: { [name]: shapes.id } as Record<N, typeof shapes.id>,
  }) as const;

export const named = label(100);
