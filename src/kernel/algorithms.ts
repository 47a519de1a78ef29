/** How the provider signs, where a client or an API has a choice (RFC 7518, 3.1; RFC 8037). */
export const SIGNING_ALGS = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const;

export type SigningAlg = (typeof SIGNING_ALGS)[number];

/** What every tenant has keys for: RS256 is what every OpenID client can check (OIDC Core 15.1), ES256 what APIs get. */
export const BASE_ALGS: readonly SigningAlg[] = ['ES256', 'RS256'];
