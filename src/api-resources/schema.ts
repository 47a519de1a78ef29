import type { Scope } from '../identity-resources/index.js';

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
  signingAlg: string;
  /** Claims of the user that access tokens carry, such as `role` and `permission`. */
  userClaims: string[];
  scopes: readonly Scope[];
}

/** A scope that has no words of its own. */
export const newScope = (name: string): Scope => ({
  name,
  displayName: null,
  description: null,
  required: false,
  emphasize: false,
  showInDiscovery: true,
});

/** The settings of a new resource that has no opinion of its own. */
export const newApiResource = (
  name: string,
  scopes: string[],
  more: Partial<ApiResource> = {},
): ApiResource => ({
  name,
  displayName: null,
  description: null,
  indicator: `urn:resource:${name}`,
  audience: name,
  accessTokenFormat: 'jwt',
  accessTokenLifetime: null,
  signingAlg: 'ES256',
  userClaims: ['role', 'permission'],
  scopes: scopes.map(newScope),
  ...more,
});
