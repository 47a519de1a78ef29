import { DPOP_ALGS } from '../../oidc/index.js';
import type { Problem } from '../plane/problem.js';

const CHALLENGE = 'WWW-Authenticate';

/** No token came (RFC 6750, 3.1: then there is no error code). */
export const noToken: Problem = {
  word: 'token',
  detail: 'Send an access token in the Authorization header, as "Bearer" or as "DPoP" with its proof.',
  headers: { [CHALLENGE]: 'Bearer' },
};

/** The policy requires scopes where the version has no authorization server whose tokens could have them. */
export const noTokenIsChecked: Problem = {
  ...noToken,
  detail:
    'The API’s policy requires scopes, but the API takes no tokens. Its publisher has to change one of the two.',
};

const INVALID_TOKEN = 'Bearer error="invalid_token"';

/** A token came, and is not good here. */
export const badToken = (detail: string): Problem => ({
  word: 'token',
  detail,
  headers: { [CHALLENGE]: INVALID_TOKEN },
});

/**
 * A token came as `DPoP`, and it or its proof is not good here (RFC 9449, 7.1 and 9).
 * @param nonce what the next proof must have.
 */
export const badProof = (
  error: 'invalid_token' | 'invalid_dpop_proof' | 'use_dpop_nonce',
  detail: string,
  nonce?: string,
): Problem => ({
  word: 'token',
  detail,
  headers: {
    [CHALLENGE]: `${INVALID_TOKEN}, DPoP error="${error}", algs="${DPOP_ALGS.join(' ')}"`,
    ...(nonce !== undefined && { 'DPoP-Nonce': nonce }),
  },
});

/** The characters of a scope (RFC 6749, 3.3). A document may name others, which no header can carry. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

const insufficient = (scopes: readonly string[]): Record<string, string> => {
  const words = scopes.filter((scope) => SCOPE.test(scope)).join(' ');
  const named = words === '' ? '' : `, scope="${words}"`;
  return { [CHALLENGE]: `Bearer error="insufficient_scope"${named}` };
};

/** @param needed what one of the ways in asks for, all of it. */
export const missingScope = (needed: readonly string[], missing: readonly string[]): Problem => ({
  word: 'scope',
  detail: `The access token lacks ${listOf(missing)}; ask for a token with more scopes.`,
  headers: insufficient(needed),
});

export const missingPermission = (scopes: readonly string[], missing: readonly string[]): Problem => ({
  word: 'permission',
  detail: `The caller lacks the permission ${listOf(missing)}; ask an administrator for it.`,
  headers: insufficient(scopes),
});

export const badProductKey = (detail: string): Problem => ({
  word: 'product-key',
  detail,
  headers: { [CHALLENGE]: 'SubscriptionKey' },
});

export const badProduct = (detail: string): Problem => ({
  word: 'product',
  detail,
});

const listOf = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
