import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import { shapes } from '../api/index.js';
import type { ReservedAudiences } from '../api-resources/index.js';
import { SIGNING_ALGS } from '../kernel/algorithms.js';
import { ADDRESS } from '../kernel/web-addresses.js';
import type { Secret } from '../secrets/index.js';
import { GRANT_TYPES } from './grant-types.js';

export { GRANT_TYPES };

/**
 * Applications of the product's own: the account pages, `/docs` and the demo. They are kept nowhere
 * (oidc/built-in-clients.ts), and nobody can register under their ids.
 */
export const ACCOUNT_CLIENT_ID = 'gatehouse-account';
export const DOCS_CLIENT_ID = 'gatehouse-docs';
export const DEMO_CLIENT_ID = 'gatehouse-demo';
export const BUILT_IN_CLIENT_IDS = [ACCOUNT_CLIENT_ID, DOCS_CLIENT_ID, DEMO_CLIENT_ID] as const;

/** @param devices the audience of tokens that sign devices in, once the configuration is there. */
export const reservedAudiences = (devices: () => string): ReservedAudiences => ({
  devices,
  clientIds: BUILT_IN_CLIENT_IDS,
});

export const isBuiltInClient = (clientId: string): boolean =>
  (BUILT_IN_CLIENT_IDS as readonly string[]).includes(clientId);

const uri = { type: 'string', minLength: 1, maxLength: 2000, format: ADDRESS } as const;
const subject = { type: 'string', minLength: 1, maxLength: 2000, pattern: '^[^\\p{Cc}\\p{Cs}]+$' } as const;
const { webAddress } = shapes;
const uris = { type: 'array', maxItems: 100, items: uri } as const;
const words = { type: 'array', maxItems: 1000, items: { type: 'string', maxLength: 200 } } as const;
const flag = { type: 'boolean' } as const;
const seconds = { type: 'integer', minimum: 1, maximum: 315_360_000 } as const;
const signingAlg = { type: 'string', enum: SIGNING_ALGS } as const;

/**
 * RFC 7591 metadata in camelCase, and what the product adds to it. Kept as one document in `clients.settings`.
 * - `grantTypes`: exactly the grants that the client was given; nothing is implied.
 * - `scopes`: every scope that it may ask for, of the provider and of APIs.
 * - `defaultScopes`: what a request that names no scope gets; all of `scopes` that fit the grant, when absent.
 * - `resources`: names of API resources whose tokens it may introspect, because it serves them.
 * - `requirePkce`: false for a confidential client that knows no PKCE; all others have to use it.
 * - `contacts`: whom to ask about the application.
 * - `clientUri`: the application's home, where a person who got lost is led back to.
 * - `accessTokenLifetime`, `refreshTokenIdle`, `refreshTokenAbsolute`: seconds; the resource's or the configured ones when
 *   absent, and never longer than those.
 * - `refreshTokenReuseWindow`: seconds in which a refresh token that comes again gets the answer that it got, for answers
 *   that were lost and tabs that refresh at once; 0 when absent.
 * - `endOfflineAccessOnSignOut`: whether signing out ends what outlives the session as well (`offline_access`).
 * - `jwks`, `jwksUri`: public keys, for `private_key_jwt`, request objects and self-signed certificates (`x5c`).
 * - `tlsClientAuth…`: what the certificate must say, for `tls_client_auth` (RFC 8705, 2.1.2); exactly one of them.
 * - `tlsClientCertificateBoundAccessTokens`: tokens are bound to the certificate of the request (RFC 8705, 3).
 * - `dpopBoundAccessTokens`: only requests with a DPoP proof get tokens (RFC 9449, 5.2).
 * - `signInRate`: how many people a confidential client may sign in with `password` and `mobileCode` in one window of the
 *   limits, from all addresses together; the limit of each address (`limits.signIn.address`) when absent.
 * - `backchannelLogoutUri`, `frontchannelLogoutUri`: where the end of a session is told, from server to server and through
 *   the browser (OIDC Back-Channel and Front-Channel Logout 1.0).
 */
export const CLIENT_SETTINGS = {
  type: 'object',
  additionalProperties: false,
  required: [
    'applicationType',
    'grantTypes',
    'redirectUris',
    'postLogoutRedirectUris',
    'scopes',
    'resources',
    'tokenEndpointAuthMethod',
    'requireConsent',
    'corsOrigins',
  ],
  properties: {
    applicationType: { type: 'string', enum: ['web', 'native'] },
    grantTypes: words,
    redirectUris: uris,
    postLogoutRedirectUris: uris,
    scopes: words,
    defaultScopes: words,
    resources: words,
    tokenEndpointAuthMethod: {
      type: 'string',
      enum: [
        'none',
        'client_secret_basic',
        'client_secret_post',
        'private_key_jwt',
        'tls_client_auth',
        'self_signed_tls_client_auth',
      ],
    },
    requireConsent: flag,
    requirePkce: flag,
    corsOrigins: uris,
    clientUri: webAddress,
    logoUri: webAddress,
    policyUri: webAddress,
    tosUri: webAddress,
    contacts: { type: 'array', maxItems: 20, items: { type: 'string', maxLength: 254 } },
    accessTokenLifetime: seconds,
    refreshTokenIdle: seconds,
    refreshTokenAbsolute: seconds,
    refreshTokenReuseWindow: { type: 'integer', minimum: 0, maximum: 60 },
    endOfflineAccessOnSignOut: flag,
    jwks: {
      type: 'object',
      additionalProperties: false,
      required: ['keys'],
      properties: { keys: { type: 'array', maxItems: 20, items: { type: 'object' } } },
    },
    jwksUri: webAddress,
    tlsClientAuthSubjectDn: subject,
    tlsClientAuthSanDns: subject,
    tlsClientAuthSanUri: subject,
    tlsClientCertificateBoundAccessTokens: flag,
    dpopBoundAccessTokens: flag,
    signInRate: { type: 'integer', minimum: 1, maximum: 1_000_000 },
    requirePushedAuthorizationRequests: flag,
    requireSignedRequestObject: flag,
    idTokenSignedResponseAlg: signingAlg,
    introspectionSignedResponseAlg: signingAlg,
    backchannelLogoutUri: webAddress,
    frontchannelLogoutUri: webAddress,
  },
} as const satisfies JSONSchema;

export type ClientSettings = FromSchema<typeof CLIENT_SETTINGS>;
export type TokenEndpointAuthMethod = ClientSettings['tokenEndpointAuthMethod'];

/** The methods that prove a secret of the client's; for all others the client has none. */
export const hasSecrets = (method: TokenEndpointAuthMethod): boolean =>
  method === 'client_secret_basic' || method === 'client_secret_post';

export interface Client {
  id: string;
  clientId: string;
  clientName: string;
  description: string | null;
  enabled: boolean;
  settings: ClientSettings;
  properties: Record<string, string>;
  /** The user whose it is; null where it is the tenant's. */
  owner: string | null;
  secrets: Secret[];
  createdAt: number;
  updatedAt: number;
}

export type NewClient = Pick<Client, 'clientId' | 'clientName' | 'settings'> &
  Partial<Pick<Client, 'description' | 'enabled' | 'properties' | 'owner'>>;

/** Settings with the strict choice for whatever is left out. */
export const clientSettings = (given: Partial<ClientSettings>): ClientSettings => ({
  applicationType: 'web',
  grantTypes: [],
  redirectUris: [],
  postLogoutRedirectUris: [],
  scopes: [],
  resources: [],
  tokenEndpointAuthMethod: 'client_secret_basic',
  requireConsent: true,
  corsOrigins: [],
  ...given,
});
