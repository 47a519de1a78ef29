export const GRANT_TYPES = {
  code: 'authorization_code',
  refresh: 'refresh_token',
  clientCredentials: 'client_credentials',
  device: 'urn:ietf:params:oauth:grant-type:device_code',
  password: 'password',
  tokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
} as const;

export type TokenEndpointAuthMethod =
  | 'none'
  | 'client_secret_basic'
  | 'client_secret_post'
  | 'private_key_jwt'
  | 'tls_client_auth'
  | 'self_signed_tls_client_auth';

/** How the provider signs, where a client or an API has a choice. */
export type SigningAlg = 'ES256' | 'RS256' | 'PS256' | 'EdDSA';

/** The methods that prove a secret of the client's; for all others the client has none. */
export const hasSecrets = (method: TokenEndpointAuthMethod): boolean =>
  method === 'client_secret_basic' || method === 'client_secret_post';

/** RFC 7591 metadata in camelCase, and what the product adds to it. Kept as one document in `clients.settings`. */
export interface ClientSettings {
  applicationType: 'web' | 'native';
  /** Exactly the grants that the client was given; nothing is implied. */
  grantTypes: string[];
  redirectUris: string[];
  postLogoutRedirectUris: string[];
  /** Every scope that it may ask for, of the provider and of APIs. */
  scopes: string[];
  /** What a request that names no scope gets; all of `scopes` that fit the grant, when absent. */
  defaultScopes?: string[];
  /** Names of API resources whose tokens it may introspect, because it serves them. */
  resources: string[];
  tokenEndpointAuthMethod: TokenEndpointAuthMethod;
  requireConsent: boolean;
  corsOrigins: string[];
  /** The application's home: where a person who got lost is led back to. */
  clientUri?: string;
  logoUri?: string;
  policyUri?: string;
  tosUri?: string;
  /** Seconds; the resource's or the configured lifetime when absent. */
  accessTokenLifetime?: number;
  /** Seconds; the configured ones when absent, and never longer than those. */
  refreshTokenIdle?: number;
  refreshTokenAbsolute?: number;
  /**
   * Seconds in which a refresh token that comes again gets the answer that it got, for answers that were lost and tabs
   * that refresh at once; 0 (the default) to 60.
   */
  refreshTokenReuseWindow?: number;
  /** Whether signing out ends what outlives the session as well (`offline_access`). */
  endOfflineAccessOnSignOut?: boolean;
  /** Public keys, for `private_key_jwt`, request objects and self-signed certificates (`x5c`); or where they are. */
  jwks?: { keys: Record<string, unknown>[] };
  jwksUri?: string;
  /** RFC 8705, 2.1.2: what the certificate must say, for `tls_client_auth`; exactly one of them. */
  tlsClientAuthSubjectDn?: string;
  tlsClientAuthSanDns?: string;
  tlsClientAuthSanUri?: string;
  /** Access tokens are bound to the certificate of the request (RFC 8705, 3). */
  tlsClientCertificateBoundAccessTokens?: boolean;
  /** Only requests with a DPoP proof get tokens (RFC 9449, 5.2). */
  dpopBoundAccessTokens?: boolean;
  requirePushedAuthorizationRequests?: boolean;
  requireSignedRequestObject?: boolean;
  idTokenSignedResponseAlg?: SigningAlg;
  introspectionSignedResponseAlg?: SigningAlg;
  /** Where the end of a session is told, server to server (OIDC Back-Channel Logout 1.0). */
  backchannelLogoutUri?: string;
  /** Where the end of a session is told through the browser (OIDC Front-Channel Logout 1.0). */
  frontchannelLogoutUri?: string;
}

export interface ClientSecret {
  id: string;
  hash: string;
  hint: string;
  expiresAt: number | null;
}

export interface Client {
  id: string;
  clientId: string;
  clientName: string;
  description: string | null;
  enabled: boolean;
  settings: ClientSettings;
  secrets: ClientSecret[];
  createdAt: number;
  updatedAt: number;
}

export interface NewClient {
  clientId: string;
  clientName: string;
  description?: string;
  settings: ClientSettings;
}

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
