import { isLocalHost } from '../config.js';
import { Invalid } from '../kernel/errors.js';
import { GRANT_TYPES, type ClientSettings, type NewClient } from './schema.js';

const CLIENT_ID = /^[A-Za-z0-9._~-]{1,100}$/;
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/; // RFC 6749, appendix A.4

function checkRedirect(field: string, uri: string, settings: ClientSettings): void {
  const url = URL.parse(uri);
  if (!url) throw new Invalid(field, `"${uri}" is not an absolute URI`);
  if (uri.includes('*'))
    throw new Invalid(field, `"${uri}" has a wildcard; list each URI, they are compared exactly`);
  if (uri.includes('#')) throw new Invalid(field, `"${uri}" has a fragment; remove it`);
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

/**
 * Refuses a client that could not work, or that could only work unsafely.
 * @throws Invalid naming the field, why, and the way out.
 */
export function checkClient({ clientId, clientName, settings }: NewClient): void {
  if (!CLIENT_ID.test(clientId)) throw new Invalid('clientId', 'must be 1 to 100 letters, digits or . _ ~ -');
  if (!clientName.trim() || clientName.length > 200)
    throw new Invalid('clientName', 'must be 1 to 200 characters');
  const grants = new Set(settings.grantTypes);
  const known: string[] = Object.values(GRANT_TYPES);
  if (grants.size === 0) throw new Invalid('grantTypes', `must name at least one of ${known.join(', ')}`);
  for (const grant of grants)
    if (!known.includes(grant))
      throw new Invalid('grantTypes', `"${grant}" is not one of ${known.join(', ')}`);
  const publicClient = settings.tokenEndpointAuthMethod === 'none';
  if (publicClient && grants.has(GRANT_TYPES.clientCredentials))
    throw new Invalid(
      'grantTypes',
      'client_credentials needs a client that authenticates; set tokenEndpointAuthMethod to client_secret_basic',
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
      ([GRANT_TYPES.refresh, GRANT_TYPES.clientCredentials] as string[]).includes(grant),
    )
  )
    throw new Invalid(
      'grantTypes',
      'refresh_token needs a grant that signs a user in, such as authorization_code',
    );
  for (const uri of settings.redirectUris) checkRedirect('redirectUris', uri, settings);
  for (const uri of settings.postLogoutRedirectUris) checkRedirect('postLogoutRedirectUris', uri, settings);
  for (const origin of settings.corsOrigins)
    if (URL.parse(origin)?.origin !== origin)
      throw new Invalid('corsOrigins', `"${origin}" is not an origin such as https://app.example.com`);
  for (const field of ['scopes', 'defaultScopes'] as const)
    for (const scope of settings[field] ?? [])
      if (!SCOPE.test(scope)) throw new Invalid(field, `"${scope}" is not a scope`);
  for (const scope of settings.defaultScopes ?? [])
    if (!settings.scopes.includes(scope))
      throw new Invalid('defaultScopes', `"${scope}" is not among the client's scopes`);
}
