export const GRANT_TYPES = {
  code: 'authorization_code',
  refresh: 'refresh_token',
  clientCredentials: 'client_credentials',
  device: 'urn:ietf:params:oauth:grant-type:device_code',
  password: 'password',
} as const;

export type TokenEndpointAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post';

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
