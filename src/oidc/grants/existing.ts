import type { Grant, Provider } from 'oidc-provider';

/** What a user allowed a client lives in one grant; a new sign-in takes it up again instead of making another. */
export interface ExistingGrants {
  find(provider: Provider, accountId: string, clientId: string): Promise<Grant | undefined>;
}

/**
 * @param grantOf the id of the newest live grant of an account to a client.
 * @param lifetime seconds that a grant lives; one that is used again after half of them lives on for as long.
 */
export function existingGrants(
  grantOf: (accountId: string, clientId: string) => Promise<string | undefined>,
  lifetime: number,
): ExistingGrants {
  return {
    async find(provider, accountId, clientId) {
      const id = await grantOf(accountId, clientId);
      const grant = id === undefined ? undefined : await provider.Grant.find(id);
      if (grant?.exp !== undefined && grant.exp - Date.now() / 1000 < lifetime / 2) {
        grant.exp = Math.floor(Date.now() / 1000) + lifetime;
        await grant.save();
      }
      return grant;
    },
  };
}

/** Adds what is asked for now, and saves only if something is new. Answers the grant's id. */
export async function allow(
  grant: Grant,
  oidcScopes: string[],
  api: { indicator: string; scopes: string[] } | undefined,
): Promise<string> {
  const hadOidc = new Set(grant.getOIDCScope().split(' '));
  const hadApi = new Set(api ? grant.getResourceScope(api.indicator).split(' ') : []);
  const newOidc = oidcScopes.filter((scope) => !hadOidc.has(scope));
  const newApi = (api?.scopes ?? []).filter((scope) => !hadApi.has(scope));
  if (newOidc.length > 0) grant.addOIDCScope(newOidc.join(' '));
  if (api && newApi.length > 0) grant.addResourceScope(api.indicator, newApi.join(' '));
  const unchanged = grant.jti && newOidc.length === 0 && newApi.length === 0;
  return unchanged ? grant.jti : grant.save();
}
