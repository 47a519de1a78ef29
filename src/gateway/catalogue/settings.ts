import { type CallTenant, type Code } from '../../api/index.js';
import { shownText } from '../../kernel/shown-text.js';
import type { TenantDb } from '../../store/index.js';
import type { CompiledDocument, Policy } from '../types.js';
import { isUsableServer } from './auth-server-store.js';
import { firstUnknown } from './product-store.js';
import { refusal, refused } from './problems.js';
import type { CatalogueBase, VersionScheme } from './types.js';

/** Checks of the fields of a version and of a revision that a schema alone cannot make. */

export type Given<T> = T | null | undefined;

/**
 * A body without blanks: at a creation a blank or null field is not given, and at a change null clears. So a blank one is null.
 */
export const withoutBlanks = <T extends object>(body: T): T =>
  Object.fromEntries(Object.entries(body).map(([key, value]) => [key, value === '' ? null : value])) as T;

/** What a field is after a change: what is left out stays, and null clears. */
export const changed = <T>(given: Given<T>, before: T, cleared: T): T =>
  given === undefined ? before : (given ?? cleared);

/** Paths below /gateway that are the gateway's own. */
const OWN_PATHS = ['authorize'];

/** @throws Failure: 422 */
export function checkSuffix(suffix: string): string {
  if (OWN_PATHS.includes(suffix.toLowerCase()))
    throw refused('suffix', 'reserved', `"${suffix}" is the gateway’s own; choose another suffix`);
  return suffix;
}

/** Headers and parameters that mean something else, or do not arrive. */
const NOT_A_VERSION =
  /^(?:authorization|dpop|cookie|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-.*|forwarded|x-forwarded-.*|gatehouse-.*|ocp-apim-subscription-key|subscription-key)$/i;

/** @throws Failure: 422 */
export function schemeOf({ in: place, name }: { in: string; name?: Given<string> }): VersionScheme {
  if (place === 'path') {
    if (name) throw refused('versionScheme/name', 'unknown', 'a scheme by path has no name; leave it out');
    return { in: 'path' };
  }
  if (!name) throw refused('versionScheme/name', 'required', `is missing: the name of the ${place}`);
  if (NOT_A_VERSION.test(name))
    throw refused('versionScheme/name', 'reserved', `"${name}" has another meaning; choose another name`);
  return { in: place as 'header' | 'query', name };
}

/** @throws Failure: 422 */
export async function checkProducts(db: TenantDb, ids: readonly string[]): Promise<void> {
  const at = await firstUnknown(db, 'api_products', ids);
  if (at !== undefined)
    throw refused(
      `productIds/${at}`,
      'unknown',
      `no product has the id "${ids[at]}"; GET /api/Gateway/Products lists them`,
    );
}

/** Who issues the tokens, by the new name of the field and by the older one. @throws Failure: 422 */
export function authServerIn({
  authorizationServerId: id,
  openid,
}: {
  authorizationServerId?: Given<string>;
  openid?: Given<string>;
}): Given<string> {
  if (id != null && openid != null && id !== openid)
    throw refused('openid', 'same', 'is the older name of authorizationServerId; send one of them');
  return id === undefined || id === null ? (openid ?? id) : id;
}

/** @throws Failure: 422 */
export async function checkAuthServer(db: TenantDb, id: string): Promise<void> {
  if (id === 'self' || id === 'none' || (await isUsableServer(db, id))) return;
  throw refused(
    'authorizationServerId',
    'unknown',
    `there is no authorization server "${id}" in this tenant; "self" and "none" are there too`,
  );
}

/** Scopes with one space between them; null where there is none. */
export const scopeOf = (scope: string | null): string | null =>
  scope?.split(' ').filter(Boolean).join(' ') || null;

const FIELD = 'serviceUrl';

/**
 * The backend as it is stored: without a slash at its end.
 * @param named by the document's servers, where the caller gives none; @param code of the failure if that is no backend.
 * @throws Failure: 422
 */
export function backendOf(
  base: CatalogueBase,
  tenant: CallTenant,
  given: string | null,
  { named, code }: { named: string | undefined; code: Code },
): string {
  const address = given ?? named;
  const ofDocument = given === null ? code : undefined;
  if (address === undefined)
    throw refused(FIELD, 'required', 'is missing: the document names no server, or a relative one', code);
  const url = URL.parse(address);
  const isPlain = url && ['http:', 'https:'].includes(url.protocol) && url.username + url.password === '';
  if (!isPlain || /[?#]/.test(address) || url.port === '0')
    throw refused(FIELD, 'format', 'must be http(s), without user, query and fragment', ofDocument);
  const problem = base.checkServiceUrl(url, tenant);
  if (problem) throw refusal([problem], ofDocument);
  return url.href.replace(/\/+$/, '');
}

/** @throws Failure: 422 */
export function checkPolicyFor(base: CatalogueBase, policy: Policy | null, document: CompiledDocument): void {
  const problems = policy === null ? [] : base.checkPolicy(policy, document);
  if (problems.length > 0) throw refusal(problems);
}

/**
 * Refuses a document of the first version that has a path which begins with the name of another version: calls could mean
 * either.
 * @throws Failure: 422
 */
export function checkSegments(
  scheme: VersionScheme,
  names: readonly string[],
  segments: readonly string[],
  { field, code }: { field: string; code?: Code },
): void {
  const name = scheme.in === 'path' ? names.find((each) => each && segments.includes(each)) : undefined;
  if (name === undefined) return;
  throw refused(
    field,
    'versionName',
    `"/${name}" begins a path of the document of the first version, and is the name of a version; rename one of them, or name versions by a header or a query parameter`,
    code,
  );
}

export const titleOf = ({ title }: CompiledDocument, otherwise: string): string =>
  shownText(title) || otherwise;

export const descriptionOf = ({ description }: CompiledDocument): string | null =>
  description?.split('\n').map(shownText).join('\n').trim() || null;
