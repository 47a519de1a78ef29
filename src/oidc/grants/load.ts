import type { Grant, KoaContextWithOIDC } from 'oidc-provider';
import type { Catalogue } from '../catalogue.js';
import type { ClientCache } from '../client-cache.js';
import { allow, type ExistingGrants } from './existing.js';

/**
 * The grant that an authorization request goes on with: the one of the consent page just shown, of the session, or of an
 * earlier sign-in. For a client that needs no consent, everything that it may ask for is allowed here.
 */
export async function loadGrant(
  ctx: KoaContextWithOIDC,
  { catalogue, clients, grants }: { catalogue: Catalogue; clients: ClientCache; grants: ExistingGrants },
): Promise<Grant | undefined> {
  const { provider, client, session, result, account } = ctx.oidc;
  if (!client || !account) return undefined;
  const id = result?.consent?.grantId ?? session?.grantIdFor(client.clientId);
  const grant =
    (id === undefined ? undefined : await provider.Grant.find(id)) ??
    (await grants.find(provider, account.accountId, client.clientId));
  if (grant && grant.accountId !== account.accountId) return undefined;
  if (clients.known(client.clientId).settings.requireConsent) return grant;
  const firstParty = grant ?? new provider.Grant({ accountId: account.accountId, clientId: client.clientId });
  const asked = [...ctx.oidc.requestParamScopes];
  const [indicator] = Object.keys(ctx.oidc.resourceServers ?? {});
  const oidcScopes = asked.filter((word) => catalogue.identity.has(word));
  await allow(firstParty, oidcScopes, indicator === undefined ? undefined : { indicator, scopes: asked });
  return firstParty;
}
