import type { AdapterPayload } from 'oidc-provider';
import { GRANT_TYPES, type Client } from '../clients/index.js';

/**
 * A client as the library wants it (RFC 7591). Scopes and secrets stay out: the library knows neither the tenant's API
 * scopes nor hashed secrets, so `scopes.ts` and `compareClientSecret` decide about those. The row's time is in, so that
 * a changed client is a new one to the library's own cache.
 */
export function clientMetadata(client: Client): AdapterPayload {
  const { settings } = client;
  const hasSecret = settings.tokenEndpointAuthMethod !== 'none';
  const code = settings.grantTypes.includes(GRANT_TYPES.code);
  return {
    client_id: client.clientId,
    client_name: client.clientName,
    // The library wants text here and compares it nowhere: compareClientSecret is ours.
    ...(hasSecret && { client_secret: client.secrets[0]?.hash ?? `no secret: ${client.id}` }),
    application_type: settings.applicationType,
    grant_types: settings.grantTypes,
    response_types: code ? ['code'] : [],
    redirect_uris: settings.redirectUris,
    post_logout_redirect_uris: settings.postLogoutRedirectUris,
    token_endpoint_auth_method: hasSecret ? 'client_secret_basic' : 'none',
    ...(settings.clientUri && { client_uri: settings.clientUri }),
    ...(settings.logoUri && { logo_uri: settings.logoUri }),
    ...(settings.policyUri && { policy_uri: settings.policyUri }),
    ...(settings.tosUri && { tos_uri: settings.tosUri }),
    client_id_issued_at: Math.floor(client.updatedAt / 1000),
  };
}

/** Origins that may call the provider from a browser for this client: those registered, and a public client's own. */
export function mayCallFrom(client: Client, origin: string): boolean {
  const { corsOrigins, redirectUris, tokenEndpointAuthMethod } = client.settings;
  if (origin === 'null') return false;
  if (corsOrigins.includes(origin)) return true;
  return tokenEndpointAuthMethod === 'none' && redirectUris.some((uri) => URL.parse(uri)?.origin === origin);
}
