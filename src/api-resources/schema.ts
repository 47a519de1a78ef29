import type { SigningAlg } from '../kernel/algorithms.js';
import type { Scope } from '../identity-resources/index.js';

/** A scope of an API. */
export interface ApiScope extends Scope {
  /** Claims of the user that a token with the scope carries, beside those of its API. */
  userClaims: string[];
}

/** An API that tokens are issued for (a resource server, RFC 8707). */
export interface ApiResource {
  /** Unique in the tenant, and the prefix of its scopes. */
  name: string;
  displayName: string | null;
  description: string | null;
  /** The absolute URI that `resource=` names. */
  indicator: string;
  /** What the tokens' `aud` says; the name, for resource servers that come from IdentityServer4. */
  audience: string;
  accessTokenFormat: 'jwt' | 'opaque';
  /** Seconds; null for the configured default. */
  accessTokenLifetime: number | null;
  signingAlg: SigningAlg;
  /** Claims of the user that access tokens carry, such as `role` and `permission`. */
  userClaims: string[];
  scopes: readonly ApiScope[];
}

/** What administrators keep of one, beside what tokens need. */
export interface EnabledApiResource extends ApiResource {
  id: string;
}

export interface StoredApiResource extends EnabledApiResource {
  enabled: boolean;
  properties: Record<string, string>;
  /** The user whose it is; null where it is the tenant's. */
  owner: string | null;
  /** Epoch milliseconds. */
  createdAt: number;
  updatedAt: number;
}

export type NewApiResource = ApiResource &
  Partial<Pick<StoredApiResource, 'enabled' | 'properties' | 'owner'>>;

/** A scope that has no words of its own. */
export const newScope = (name: string): ApiScope => ({
  name,
  displayName: null,
  description: null,
  required: false,
  emphasize: false,
  showInDiscovery: true,
  userClaims: [],
});

/** The URI of an API that has been given none. */
export const indicatorOf = (name: string): string => `urn:resource:${name}`;

/** The settings of a new resource that has no opinion of its own. */
export const newApiResource = (
  name: string,
  scopes: string[],
  more: Partial<ApiResource> = {},
): ApiResource => ({
  name,
  displayName: null,
  description: null,
  indicator: indicatorOf(name),
  audience: name,
  accessTokenFormat: 'jwt',
  accessTokenLifetime: null,
  signingAlg: 'ES256',
  userClaims: ['role', 'permission'],
  scopes: scopes.map(newScope),
  ...more,
});
