import { isDeepStrictEqual } from 'node:util';
import { openAjv } from '../kernel/ajv.js';
import { isLocalHost } from '../config.js';
import { Invalid } from '../kernel/errors.js';
import { isSubject } from '../kernel/names.js';
import { once } from '../kernel/once.js';
import { checkOutbound } from '../kernel/outbound.js';
import type { Reach } from '../kernel/private-networks.js';
import {
  ADDRESS_FORMATS,
  addressProblem,
  hasPlainHost,
  isWebAddress,
  originSpellings,
} from '../kernel/web-addresses.js';
import { checkPublicKeys } from './public-keys.js';
import {
  CLIENT_SETTINGS,
  GRANT_TYPES,
  isBuiltInClient,
  type ClientSettings,
  type NewClient,
} from './schema.js';

const shape = once(() => openAjv({ formats: ADDRESS_FORMATS }).compile(CLIENT_SETTINGS));

/** @throws Invalid naming the first field that is not what it can be. */
function checkShape(settings: unknown): void {
  const hasShape = shape();
  if (hasShape(settings)) return;
  const {
    instancePath,
    message = 'is not valid',
    params,
  } = hasShape.errors?.[0] ?? {
    instancePath: '',
    params: {},
  };
  const unknown = (params as { additionalProperty?: string }).additionalProperty;
  if (unknown !== undefined) throw new Invalid(unknown, 'is not a setting of a client; remove it');
  const field = instancePath.slice(1).replaceAll('/', '.') || 'settings';
  const address = addressProblem((params as { format?: string }).format);
  if (address !== undefined) throw new Invalid(field, address);
  const allowed = (params as { allowedValues?: string[] }).allowedValues;
  throw new Invalid(field, `${message}${allowed ? `: ${allowed.join(', ')}` : ''}`);
}

const CLIENT_ID = /^[A-Za-z0-9._~-]{1,100}$/;
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/; // RFC 6749, appendix A.4

function checkRedirect(field: string, uri: string, settings: ClientSettings): void {
  const url = URL.parse(uri);
  if (!url) throw new Invalid(field, `"${uri}" is not an absolute URI`);
  if (uri.includes('*'))
    throw new Invalid(field, `"${uri}" has a wildcard; list each URI, they are compared exactly`);
  if (uri.includes('#')) throw new Invalid(field, `"${uri}" has a fragment; remove it`);
  if (!hasPlainHost(url))
    throw new Invalid(field, `"${uri}" has a user, or a host that is none; give the host by its name alone`);
  if (/^https?:$/.test(url.protocol) && !isWebAddress(uri))
    throw new Invalid(
      field,
      `"${uri}" hides where it leads; write ${url.protocol}// and the host as browsers show it: ${url.host}`,
    );
  if (url.protocol === 'https:') return;
  if (url.protocol === 'http:') {
    if (isLocalHost(url.host)) return;
    throw new Invalid(field, `"${uri}" must be https (plain http is for localhost only)`);
  }
  // RFC 8252, 7.1: a private-use scheme is a reversed domain name.
  if (settings.applicationType === 'native' && /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(url.protocol))
    return;
  throw new Invalid(
    field,
    `"${uri}" must be https, or for a native application a scheme like com.example.app:`,
  );
}

function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && hasPlainHost(url) && originSpellings(url.origin).includes(text);
}

/** @throws Invalid */
export function checkClientId(clientId: string): void {
  if (!CLIENT_ID.test(clientId)) throw new Invalid('clientId', 'must be 1 to 100 letters, digits or . _ ~ -');
  if (isBuiltInClient(clientId))
    throw new Invalid('clientId', `"${clientId}" is an application of the server itself; choose another id`);
  // RFC 9700, 4.15: a client's own token has its id as the subject, a user's has a uuid.
  if (isSubject(clientId))
    throw new Invalid('clientId', 'must not be a uuid, because the users’ ids are; choose a name');
}

/**
 * Refuses a client that could not work, or that could only work unsafely.
 * @param before its settings until now: keys that are older than a rule stay until they are changed.
 * @throws Invalid naming the field, why, and the way out.
 */
export function checkClient(
  { clientId, clientName, settings }: NewClient,
  before?: Pick<ClientSettings, 'jwks'>,
): void {
  checkClientId(clientId);
  if (!clientName.trim() || clientName.length > 200)
    throw new Invalid('clientName', 'must be 1 to 200 characters');
  checkShape(settings);
  checkKeys(settings, before);
  checkLogout(settings);
  const grants = new Set(settings.grantTypes);
  const known: string[] = Object.values(GRANT_TYPES);
  if (grants.size === 0) throw new Invalid('grantTypes', `must name at least one of ${known.join(', ')}`);
  for (const grant of grants)
    if (!known.includes(grant))
      throw new Invalid('grantTypes', `"${grant}" is not one of ${known.join(', ')}`);
  const publicClient = settings.tokenEndpointAuthMethod === 'none';
  if (publicClient && settings.requirePkce === false)
    throw new Invalid('requirePkce', 'must be true for a public client: a code alone proves nothing');
  for (const grant of [GRANT_TYPES.clientCredentials, GRANT_TYPES.tokenExchange])
    if (publicClient && grants.has(grant))
      throw new Invalid(
        'grantTypes',
        `${grant} needs a client that authenticates; set tokenEndpointAuthMethod to client_secret_basic`,
      );
  if (grants.has(GRANT_TYPES.code) && settings.redirectUris.length === 0)
    throw new Invalid('redirectUris', 'authorization_code needs at least one redirect URI');
  if (!grants.has(GRANT_TYPES.code) && settings.redirectUris.length > 0)
    throw new Invalid(
      'redirectUris',
      'only authorization_code uses redirect URIs; add that grant or remove them',
    );
  if (
    grants.has(GRANT_TYPES.refresh) &&
    [...grants].every((grant) =>
      ([GRANT_TYPES.refresh, GRANT_TYPES.clientCredentials, GRANT_TYPES.tokenExchange] as string[]).includes(
        grant,
      ),
    )
  )
    throw new Invalid(
      'grantTypes',
      'refresh_token needs a grant that signs a user in, such as authorization_code',
    );
  for (const uri of settings.redirectUris) checkRedirect('redirectUris', uri, settings);
  for (const uri of settings.postLogoutRedirectUris) checkRedirect('postLogoutRedirectUris', uri, settings);
  for (const origin of settings.corsOrigins)
    if (!isOrigin(origin))
      throw new Invalid('corsOrigins', `"${origin}" is not an origin such as https://app.example.com`);
  for (const field of ['scopes', 'defaultScopes'] as const)
    for (const scope of settings[field] ?? [])
      if (!SCOPE.test(scope)) throw new Invalid(field, `"${scope}" is not a scope`);
  for (const scope of settings.defaultScopes ?? [])
    if (!settings.scopes.includes(scope))
      throw new Invalid('defaultScopes', `"${scope}" is not among the client's scopes`);
}

/** An address that this server itself calls, or sends browsers to. */
function checkAddress(field: string, address: string | undefined): void {
  if (address === undefined) return;
  const url = URL.parse(address);
  const local = url?.protocol === 'http:' && isLocalHost(url.host);
  if (!url || (url.protocol !== 'https:' && !local) || address.includes('#') || url.username)
    throw new Invalid(
      field,
      `"${address}" must be an https address without a fragment (plain http is for localhost only)`,
    );
}

/**
 * Refuses addresses that this server would call and may not reach: the keys of a client, and where it hears of the end of a
 * session. What was there before stays; it is checked again each time that it is called.
 * @throws Invalid naming the field
 */
export function checkReach(
  settings: ClientSettings,
  before: Partial<ClientSettings> | undefined,
  reach: Reach,
): void {
  for (const field of ['jwksUri', 'backchannelLogoutUri'] as const)
    if (settings[field] !== before?.[field]) checkOutbound(field, settings[field], reach);
}

function checkKeys(settings: ClientSettings, before: Pick<ClientSettings, 'jwks'> = {}): void {
  const { jwks, jwksUri, tokenEndpointAuthMethod: method } = settings;
  if (jwks && jwksUri !== undefined) throw new Invalid('jwksUri', 'give the keys or their address, not both');
  if (jwks && !isDeepStrictEqual(jwks, before.jwks)) checkPublicKeys(jwks);
  checkAddress('jwksUri', jwksUri);
  const needsKeys =
    method === 'private_key_jwt' ||
    method === 'self_signed_tls_client_auth' ||
    settings.requireSignedRequestObject;
  if (needsKeys && !jwks?.keys.length && jwksUri === undefined)
    throw new Invalid('jwks', 'is needed to check what the client signs; give its public keys, or jwksUri');
  const subjects = (['tlsClientAuthSubjectDn', 'tlsClientAuthSanDns', 'tlsClientAuthSanUri'] as const).filter(
    (field) => settings[field] !== undefined,
  );
  if (subjects.length !== (method === 'tls_client_auth' ? 1 : 0))
    throw new Invalid(
      'tlsClientAuthSubjectDn',
      'exactly one of tlsClientAuthSubjectDn, tlsClientAuthSanDns and tlsClientAuthSanUri goes with tls_client_auth, and none with other methods',
    );
  if (settings.dpopBoundAccessTokens && settings.tlsClientCertificateBoundAccessTokens)
    throw new Invalid('dpopBoundAccessTokens', 'a token is bound to a key or to a certificate, not to both');
}

function checkLogout({ backchannelLogoutUri, frontchannelLogoutUri, redirectUris }: ClientSettings): void {
  checkAddress('backchannelLogoutUri', backchannelLogoutUri);
  checkAddress('frontchannelLogoutUri', frontchannelLogoutUri);
  // OIDC Front-Channel Logout 1.0, 2: the frame is of an origin that the client redirects to anyway.
  const origin = frontchannelLogoutUri && URL.parse(frontchannelLogoutUri)?.origin;
  if (origin && !redirectUris.some((uri) => URL.parse(uri)?.origin === origin))
    throw new Invalid('frontchannelLogoutUri', 'must be of the same origin as one of the redirect URIs');
}
