import { Invalid } from './errors.js';
import { isWebAddress, NO_WEB_ADDRESS } from './web-addresses.js';

/**
 * How the name of a new claim may look: letters of any script, digits and what URIs have (OIDC Core 5.1.2), but no name under
 * which an object of the library's, or of a reader's, keeps something of its own.
 */
const NAME = /^(?!(?:__proto__|constructor|prototype)$)[\p{L}\p{N}_][\p{L}\p{N}_.:/?#@!$&'()*+,;=%~|-]*$/u;

/**
 * The JSON Schema format of such a name. It is for documents only: a row that is older than the rule may have another name,
 * which can be sent back as it was read. What knows the row decides (`checkOwnClaims`, `checkAskedClaims`).
 */
export const CLAIM_NAME = 'claim-name';

/** Whether a new claim can have this name, as far as its letters go. */
export const isClaimName = (name: string): boolean => NAME.test(name);

/**
 * Claims that say what a token is, how somebody signed in, and who acts (JWT, OpenID Connect, RFC 7662, 7800, 8693, and the
 * program's own). Where a user's own claim had such a name, people could say these things of themselves.
 */
const OF_TOKENS: ReadonlySet<string> = new Set([
  ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'],
  ...[
    'nonce',
    'auth_time',
    'acr',
    'amr',
    'azp',
    'at_hash',
    'c_hash',
    's_hash',
    'rt_hash',
    'ds_hash',
    'sub_jwk',
    'sub_id',
  ],
  ...['sid', 'events', 'toe', 'txn', 'vot', 'vtm', '_claim_names', '_claim_sources'],
  ...['act', 'may_act', 'cnf', 'scope', 'client_id', 'authorization_details'],
  ...['active', 'token_type', 'token_introspection', 'username'],
  ...['htm', 'htu', 'ath'],
  ...['tenant', 'aid', 'gid', 'fid', 'gen', 'origin', 'origin_session', 'origin_actor', 'origin_token'],
]);

/** Names under which an object of the library's, or of a reader's, keeps something of its own. */
const OF_OBJECTS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Whether something can be kept in an object under this name. */
export const isSafeName = (name: string): boolean => !OF_OBJECTS.has(name);

/** Claims that applications make links and pictures of. */
const ADDRESSES: ReadonlySet<string> = new Set(['picture', 'profile', 'website']);

interface Claim {
  type: string;
  value: string;
}

const isFree = (name: string): boolean => isSafeName(name) && !OF_TOKENS.has(name);

/** Whether a claim of a user's own goes into tokens. Rows that are older than these rules may have others. */
export const isIssuable = ({ type, value }: Claim): boolean =>
  isFree(type) && (!ADDRESSES.has(type) || isWebAddress(value));

const refuse = (field: string, name: string): never => {
  throw new Invalid(
    field,
    isClaimName(name)
      ? `"${name}" is a claim that the server alone makes; choose another name, such as a URI of your own`
      : `"${name}" is no name of a claim: use letters, digits and characters of URIs, without blanks and quotes`,
  );
};

/** Checks how names of claims look; those that are there already may stay. @throws Invalid */
export function checkClaimNames(
  field: string,
  names: readonly string[],
  before: readonly string[] = [],
): void {
  const refused = names.find((name) => !isClaimName(name) && !before.includes(name));
  if (refused !== undefined) refuse(field, refused);
}

const typesOf = (claims: readonly Claim[]): string[] => claims.map(({ type }) => type);

/**
 * Checks the claims that somebody gives a user or a role. Those that are there already may stay, so that a thing can be sent
 * back as it was read; those that the server alone makes are not issued.
 * @throws Invalid
 */
export function checkOwnClaims(claims: readonly Claim[] = [], before: readonly Claim[] = []): void {
  checkClaimNames('claims', typesOf(claims), typesOf(before));
  const had = new Set(before.map(({ type, value }) => JSON.stringify([type, value])));
  for (const { type, value } of claims) {
    if (had.has(JSON.stringify([type, value]))) continue;
    if (!isFree(type)) refuse('claims', type);
    if (ADDRESSES.has(type) && !isWebAddress(value))
      throw new Invalid('claims', `"${type}" ${NO_WEB_ADDRESS}`);
  }
}

/** Checks the names of claims that an API or a scope asks for. `sub` is in each token anyway. @throws Invalid */
export function checkAskedClaims(names: readonly string[] = [], before: readonly string[] = []): void {
  checkClaimNames('userClaims', names, before);
  const refused = names.find((name) => name !== 'sub' && !isFree(name) && !before.includes(name));
  if (refused !== undefined) refuse('userClaims', refused);
}
