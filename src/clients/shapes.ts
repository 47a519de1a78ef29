import { shapes } from '../api/index.js';
import { KEPT_SECRETS, SECRET, showSecret, SHOWN_SECRET } from '../secrets/index.js';
import { CLIENT_SETTINGS, GRANT_TYPES, type Client, type ClientSettings } from './schema.js';
import { TEMPLATE_NAMES } from './templates.js';

const { flag, id, label, line, orNull, properties, seconds, text, time, withTimes } = shapes;

const { refreshTokenAbsolute: _named, ...settings } = CLIENT_SETTINGS.properties;

/** Settings that every client has. */
const always = {
  applicationType: settings.applicationType,
  grantTypes: {
    ...settings.grantTypes,
    items: { type: 'string', enum: Object.values(GRANT_TYPES) },
  },
  redirectUris: settings.redirectUris,
  postLogoutRedirectUris: settings.postLogoutRedirectUris,
  scopes: { ...settings.scopes, description: 'Every scope that it may ask for.' },
  resources: {
    ...settings.resources,
    description: 'The APIs that it serves, and whose tokens it may introspect.',
  },
  tokenEndpointAuthMethod: settings.tokenEndpointAuthMethod,
  requirePkce: flag('False only for a confidential client that knows no PKCE.'),
  requireConsent: settings.requireConsent,
  corsOrigins: settings.corsOrigins,
} as const;

/** Settings that a client may have; null for none. */
const perhaps = {
  defaultScopes: orNull(settings.defaultScopes),
  clientUri: orNull(settings.clientUri),
  logoUri: orNull(settings.logoUri),
  policyUri: orNull(settings.policyUri),
  tosUri: orNull(settings.tosUri),
  contacts: orNull(settings.contacts),
  accessTokenLifetime: orNull(settings.accessTokenLifetime),
  refreshTokenIdle: orNull(settings.refreshTokenIdle),
  refreshTokenLifetime: orNull(seconds),
  refreshTokenReuseWindow: orNull(settings.refreshTokenReuseWindow),
  endOfflineAccessOnSignOut: orNull(settings.endOfflineAccessOnSignOut),
  signInRate: orNull({
    ...settings.signInRate,
    description:
      'Sign-ins with the grants `password` and `mobile_code` in a window, in place of the limit of an address.',
  }),
  jwks: orNull({
    ...settings.jwks,
    properties: {
      keys: {
        ...settings.jwks.properties.keys,
        items: { type: 'object', additionalProperties: true },
      },
    },
  } as const),
  jwksUri: orNull(settings.jwksUri),
  tlsClientAuthSubjectDn: orNull(settings.tlsClientAuthSubjectDn),
  tlsClientAuthSanDns: orNull(settings.tlsClientAuthSanDns),
  tlsClientAuthSanUri: orNull(settings.tlsClientAuthSanUri),
  tlsClientCertificateBoundAccessTokens: orNull(settings.tlsClientCertificateBoundAccessTokens),
  dpopBoundAccessTokens: orNull(settings.dpopBoundAccessTokens),
  requirePushedAuthorizationRequests: orNull(settings.requirePushedAuthorizationRequests),
  requireSignedRequestObject: orNull(settings.requireSignedRequestObject),
  idTokenSignedResponseAlg: orNull(settings.idTokenSignedResponseAlg),
  introspectionSignedResponseAlg: orNull(settings.introspectionSignedResponseAlg),
  backchannelLogoutUri: orNull(settings.backchannelLogoutUri),
  frontchannelLogoutUri: orNull(settings.frontchannelLogoutUri),
} as const;

/** What follows from the settings, and may be said as well. */
const implied = {
  responseTypes: { type: 'array', maxItems: 1, items: { type: 'string', enum: ['code'] } },
  allowOfflineAccess: flag('Whether it may have refresh tokens that outlive the session.'),
} as const;

const clientId = { ...line(100), pattern: '^[A-Za-z0-9._~-]+$', minLength: 1 } as const;

const fields = {
  clientName: label(200),
  description: orNull(text(2000)),
  enabled: { type: 'boolean' },
  ...always,
  ...perhaps,
  ...implied,
  properties,
  owner: orNull({ ...line(64), description: 'The `userKey` of the developer whose it is.' }),
} as const;

const REQUIRED = [
  'id',
  'clientId',
  'clientName',
  'description',
  'enabled',
  'applicationType',
  'grantTypes',
  'redirectUris',
  'postLogoutRedirectUris',
  'scopes',
  'resources',
  'tokenEndpointAuthMethod',
  'requirePkce',
  'requireConsent',
  'corsOrigins',
  'responseTypes',
  'allowOfflineAccess',
  'properties',
  'owner',
  'secrets',
  'createdAt',
  'updatedAt',
] as const;

export const CLIENT = {
  title: 'Client',
  description: 'RFC 7591 metadata in camelCase, and what the product adds (docs/clients.md).',
  type: 'object',
  additionalProperties: false,
  required: REQUIRED,
  properties: {
    id,
    clientId,
    ...fields,
    secrets: { type: 'array', items: SECRET },
    createdAt: time,
    updatedAt: time,
  },
} as const;

export const CREATED_CLIENT = {
  ...CLIENT,
  title: 'CreatedClient',
  properties: {
    ...CLIENT.properties,
    newSecret: {
      ...SHOWN_SECRET,
      description: 'For a client that proves itself with a secret; shown this once.',
    },
  },
} as const;

export const NEW_CLIENT = {
  title: 'NewClient',
  type: 'object',
  additionalProperties: false,
  properties: {
    template: {
      type: 'string',
      enum: TEMPLATE_NAMES,
      description: 'A kind of application, whose settings are taken where nothing else is said.',
    },
    clientId: { ...clientId, description: 'Made at random where it is left out.' },
    ...fields,
  },
} as const;

export const CLIENT_CHANGE = {
  title: 'ClientChange',
  description: 'What is left out stays as it is; null clears. A client keeps its client id.',
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id, ...fields, secrets: KEPT_SECRETS },
} as const;

/** The settings that a body speaks of: given ones to set, null ones to clear. */
export interface GivenSettings {
  set: Partial<ClientSettings>;
  clear: (keyof ClientSettings)[];
}

/** Tells a body's settings from what else it says. */
export function settingsIn(body: Record<string, unknown>): GivenSettings {
  const given = Object.entries(body).flatMap(([key, value]): [keyof ClientSettings, unknown][] => {
    if (key === 'refreshTokenLifetime') return [['refreshTokenAbsolute', value]];
    return key in always || key in perhaps ? [[key as keyof ClientSettings, value]] : [];
  });
  return {
    set: Object.fromEntries(given.filter(([, value]) => value !== null && value !== undefined)),
    clear: given.filter(([, value]) => value === null).map(([key]) => key),
  };
}

/** A client as the API shows it. */
export function showClient({ settings: has, secrets, ...client }: Client) {
  const { refreshTokenAbsolute, ...rest } = has;
  const none = Object.fromEntries(Object.keys(perhaps).map((key) => [key, null])) as Record<
    keyof typeof perhaps,
    null
  >;
  return {
    ...withTimes(client),
    ...none,
    requirePkce: true,
    ...rest,
    grantTypes: rest.grantTypes as (typeof GRANT_TYPES)[keyof typeof GRANT_TYPES][],
    ...(refreshTokenAbsolute !== undefined && { refreshTokenLifetime: refreshTokenAbsolute }),
    responseTypes: has.grantTypes.includes(GRANT_TYPES.code) ? (['code'] as 'code'[]) : [],
    allowOfflineAccess: has.grantTypes.includes(GRANT_TYPES.refresh) && has.scopes.includes('offline_access'),
    secrets: secrets.map(showSecret),
  };
}
