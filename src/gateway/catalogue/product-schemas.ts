import { shapes } from '../../api/index.js';
import { QUOTA_SCHEMA, RATE_LIMIT_SCHEMA } from '../policies/index.js';
import { gatewayId, named } from './schemas.js';

/** JSON Schemas of products, their keys, and authorization servers. */

const { line, orNull, text, time } = shapes;

const rateLimit = orNull({ ...RATE_LIMIT_SCHEMA, title: 'GatewayRateLimit' });
const quota = orNull({ ...QUOTA_SCHEMA, title: 'GatewayQuota' });

const PRODUCT_FIELDS = {
  name: named,
  description: orNull(text(10_000)),
  state: orNull({
    type: 'string',
    enum: ['published', 'notPublished'],
    description: '`published` unless given. One that is not published asks for nothing and limits nothing.',
  }),
  subscriptionRequired: orNull({
    type: 'boolean',
    description: 'Whether calls need one of its keys; they do unless it is false.',
  }),
  apiIds: orNull({
    type: 'array',
    maxItems: 1000,
    uniqueItems: true,
    items: gatewayId,
    description:
      'The versions that are in it: the `apiId` of each. To add one, you need `isms.apiresource.publish` as well.',
  }),
  rateLimit,
  quota,
} as const;

export const PRODUCT = {
  title: 'GatewayProduct',
  type: 'object',
  additionalProperties: false,
  required: [
    ...['id', 'name', 'description', 'state', 'subscriptionRequired', 'apiIds', 'rateLimit', 'quota'],
    ...['createdAt', 'updatedAt'],
  ],
  properties: {
    id: gatewayId,
    name: named,
    description: PRODUCT_FIELDS.description,
    state: { type: 'string', enum: ['published', 'notPublished'] },
    subscriptionRequired: { type: 'boolean' },
    apiIds: { type: 'array', items: gatewayId },
    rateLimit,
    quota,
    createdAt: time,
    updatedAt: time,
  },
} as const;

export const NEW_PRODUCT = {
  title: 'NewGatewayProduct',
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: PRODUCT_FIELDS,
} as const;

export const PRODUCT_CHANGE = {
  title: 'GatewayProductChange',
  description: 'What is left out stays as it is; null clears.',
  type: 'object',
  additionalProperties: false,
  properties: PRODUCT_FIELDS,
} as const;

const expiresAt = orNull(time);
const STATE = { type: 'string', enum: ['active', 'suspended'] } as const;
const hint = { type: 'string', description: 'How the key begins.' } as const;

const KEY_FIELDS = {
  id: gatewayId,
  name: named,
  clientId: orNull({
    ...line(200),
    description: 'The application that it is for: calls with it need an access token of this one.',
  }),
  state: STATE,
  expiresAt,
  hints: {
    type: 'object',
    additionalProperties: false,
    required: ['primary', 'secondary'],
    properties: { primary: hint, secondary: hint },
  },
  createdAt: time,
  updatedAt: time,
} as const;

const KEY_NAMES = [
  'id',
  'name',
  'clientId',
  'state',
  'expiresAt',
  'hints',
  'createdAt',
  'updatedAt',
] as const;

export const KEY = {
  title: 'GatewayKey',
  type: 'object',
  additionalProperties: false,
  required: KEY_NAMES,
  properties: KEY_FIELDS,
} as const;

const shownKey = { type: 'string', description: 'Shown this once.' } as const;

export const SHOWN_KEY = {
  title: 'ShownGatewayKey',
  type: 'object',
  additionalProperties: false,
  required: [...KEY_NAMES, 'primaryKey', 'secondaryKey'],
  properties: { ...KEY_FIELDS, primaryKey: shownKey, secondaryKey: shownKey },
} as const;

export const NEW_KEY = {
  title: 'NewGatewayKey',
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: { name: named, clientId: KEY_FIELDS.clientId, expiresAt },
} as const;

export const KEY_CHANGE = {
  title: 'GatewayKeyChange',
  description: 'What is left out stays as it is; null clears.',
  type: 'object',
  additionalProperties: false,
  properties: { name: named, state: STATE, expiresAt },
} as const;

export const REGENERATE = {
  title: 'GatewayKeyRegeneration',
  type: 'object',
  additionalProperties: false,
  required: ['which'],
  properties: {
    which: { type: 'string', enum: ['primary', 'secondary'], description: 'The other one stays.' },
  },
} as const;

export const REGENERATED = {
  title: 'RegeneratedGatewayKey',
  type: 'object',
  additionalProperties: false,
  properties: { primaryKey: shownKey, secondaryKey: shownKey },
} as const;

const ADDRESS = line(2000);

const SERVER_FIELDS = {
  name: named,
  issuer: { ...shapes.webAddress, description: 'The `iss` of its tokens.' },
  audience: { ...line(500), minLength: 1, description: 'The `aud` that its tokens have for APIs here.' },
  jwksUri: orNull({
    ...shapes.webAddress,
    description:
      'Where its keys are. Read from the issuer’s metadata (OpenID Connect Discovery) unless given.',
  }),
  defaultScope: orNull(line(1000)),
} as const;

export const AUTH_SERVER = {
  title: 'AuthorizationServer',
  type: 'object',
  additionalProperties: false,
  required: [
    ...[
      'id',
      'name',
      'issuer',
      'audience',
      'jwksUri',
      'authorizationEndpoint',
      'tokenEndpoint',
      'defaultScope',
    ],
    ...['createdAt', 'updatedAt'],
  ],
  properties: {
    id: { ...gatewayId, description: '`self` is this issuer.' },
    name: line(200),
    issuer: ADDRESS,
    audience: orNull({ ...line(500), description: 'None of `self`: each API has its own.' }),
    jwksUri: ADDRESS,
    authorizationEndpoint: orNull(ADDRESS),
    tokenEndpoint: orNull(ADDRESS),
    defaultScope: orNull(line(1000)),
    createdAt: orNull({ ...time, description: 'None of `self`.' }),
    updatedAt: orNull(time),
  },
} as const;

export const NEW_AUTH_SERVER = {
  title: 'NewAuthorizationServer',
  type: 'object',
  additionalProperties: false,
  required: ['name', 'issuer', 'audience'],
  properties: SERVER_FIELDS,
} as const;

export const AUTH_SERVER_CHANGE = {
  title: 'AuthorizationServerChange',
  description: 'What is left out stays as it is; null clears.',
  type: 'object',
  additionalProperties: false,
  properties: SERVER_FIELDS,
} as const;
