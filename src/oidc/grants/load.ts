import { errors, type Grant, type KoaContextWithOIDC } from '../library/index.js';
import { DOCS_CLIENT_ID } from '../../clients/index.js';
import type { Catalogue } from '../catalogue.js';
import type { ClientCache } from '../client-cache.js';
import { allow, isImplied, type ExistingGrants } from './existing.js';

/**
 * The grant that an authorization request goes on with. Where consent is needed: the one of the consent page just shown, of
 * the session, or of an earlier consent. Where none is needed, everything that the client may ask for is allowed here.
 */
export async function loadGrant(
  ctx: KoaContextWithOIDC,
  { catalogue, clients, grants }: { catalogue: Catalogue; clients: ClientCache; grants: ExistingGrants },
): Promise<Grant | undefined> {
  const { provider, client, account } = ctx.oidc;
  if (!client || !account) return undefined;
  requireRedirectUri(ctx);
  if (clients.known(client).settings.requireConsent) return consentOf(ctx, grants);
  const grant = await grants.implied(provider, account.accountId, client.clientId);
  const asked = [...ctx.oidc.requestParamScopes];
  const [indicator] = Object.keys(ctx.oidc.resourceServers ?? {});
  const oidcScopes = asked.filter((word) => catalogue.identity.has(word));
  await allow(grant, oidcScopes, indicator === undefined ? undefined : { indicator, scopes: asked });
  return grant;
}

/**
 * Refuses a redirect URI that the client had when the request began and has lost since. The library asks only then.
 * @throws InvalidRedirectUri
 */
function requireRedirectUri({ oidc }: KoaContextWithOIDC): void {
  const uri = oidc.params?.['redirect_uri'];
  if (oidc.route === 'resume' && typeof uri === 'string' && !oidc.client?.redirectUriAllowed(uri))
    throw new errors.InvalidRedirectUri();
}

/** What the person chose on a consent page. Grants that were made without one do not count (see `GrantOrigin`). */
async function consentOf(ctx: KoaContextWithOIDC, grants: ExistingGrants): Promise<Grant | undefined> {
  const { provider, session, result } = ctx.oidc;
  const { clientId } = ctx.oidc.client as NonNullable<typeof ctx.oidc.client>;
  const { accountId } = ctx.oidc.account as NonNullable<typeof ctx.oidc.account>;
  // `/docs` can ask for everything, so it asks the person each time.
  if (clientId === DOCS_CLIENT_ID && !result?.consent) return undefined;
  const id = result?.consent?.grantId ?? session?.grantIdFor(clientId);
  const named = id === undefined ? undefined : await provider.Grant.find(id);
  const grant =
    named && !isImplied(named) ? named : await grants.find(provider, accountId, clientId, 'consent');
  return grant?.accountId === accountId ? grant : undefined;
}
