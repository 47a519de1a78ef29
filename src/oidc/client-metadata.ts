import type { AdapterPayload } from 'oidc-provider';
import { GRANT_TYPES, hasSecrets, type Client } from '../clients/index.js';

/**
 * A client as the library wants it (RFC 7591). Scopes and secrets stay out: the library knows neither the tenant's API
 * scopes nor hashed secrets, so `scopes.ts` and `compareClientSecret` decide about those.
 */
export function clientMetadata(client: Client): AdapterPayload {
  const { settings } = client;
  const method = settings.tokenEndpointAuthMethod;
  const code = settings.grantTypes.includes(GRANT_TYPES.code);
  const metadata: AdapterPayload = {
    client_id: client.clientId,
    client_name: client.clientName,
    // The library wants text here and compares it nowhere: compareClientSecret is ours.
    ...(hasSecrets(method) && { client_secret: client.secrets[0]?.hash ?? `no secret: ${client.id}` }),
    application_type: settings.applicationType,
    grant_types: settings.grantTypes,
    response_types: code ? ['code'] : [],
    redirect_uris: settings.redirectUris,
    post_logout_redirect_uris: settings.postLogoutRedirectUris,
    // The library takes a secret in the header and in the body alike, whichever of the two is registered.
    token_endpoint_auth_method: method,
    jwks: settings.jwks,
    jwks_uri: settings.jwksUri,
    tls_client_auth_subject_dn: settings.tlsClientAuthSubjectDn,
    tls_client_auth_san_dns: settings.tlsClientAuthSanDns,
    tls_client_auth_san_uri: settings.tlsClientAuthSanUri,
    tls_client_certificate_bound_access_tokens: settings.tlsClientCertificateBoundAccessTokens,
    dpop_bound_access_tokens: settings.dpopBoundAccessTokens,
    require_pushed_authorization_requests: settings.requirePushedAuthorizationRequests,
    require_signed_request_object: settings.requireSignedRequestObject,
    id_token_signed_response_alg: settings.idTokenSignedResponseAlg,
    introspection_signed_response_alg: settings.introspectionSignedResponseAlg,
    backchannel_logout_uri: settings.backchannelLogoutUri,
    backchannel_logout_session_required: settings.backchannelLogoutUri === undefined ? undefined : true,
    client_uri: settings.clientUri,
    logo_uri: settings.logoUri,
    policy_uri: settings.policyUri,
    tos_uri: settings.tosUri,
  };
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined));
}
