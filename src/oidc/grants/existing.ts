import type { Grant, Provider } from 'oidc-provider';
import { keepFields } from '../model-fields.js';

/**
 * How a grant came to be: a person chose on the consent page, or nobody was asked, because the token endpoint recognised the
 * person or the client needs no consent. Only the first is consent, so the two never share a row.
 */
export type GrantOrigin = 'consent' | 'implied';

/** What a user allowed a client lives in one grant; a new sign-in takes it up again instead of making another. */
export interface ExistingGrants {
  find(
    provider: Provider,
    accountId: string,
    clientId: string,
    origin: GrantOrigin,
  ): Promise<Grant | undefined>;
  /** The grant of what a client gets without a consent page, new where there is none yet. */
  implied(provider: Provider, accountId: string, clientId: string): Promise<Grant>;
}

/** What grants say of themselves besides; the row has it in columns of its own (adapter.ts). */
export interface GrantFields {
  implied?: boolean;
  /** The generation that it was read with. */
  was?: number;
  /** The generation of the catalogue by which a page showed what is allowed now (src/revocations). */
  shown?: number | undefined;
}

export const keepGrantFields = (provider: Provider): void =>
  keepFields(provider.Grant, ['implied', 'was', 'shown']);

export const isImplied = (grant: Grant & GrantFields): boolean => grant.implied === true;

/**
 * @param grantOf the id of the newest live grant of an account to a client.
 * @param lifetime seconds that a grant lives; one that is used again after half of them lives on for as long.
 */
export function existingGrants(
  grantOf: (accountId: string, clientId: string, origin: GrantOrigin) => Promise<string | undefined>,
  lifetime: number,
): ExistingGrants {
  const find: ExistingGrants['find'] = async (provider, accountId, clientId, origin) => {
    const id = await grantOf(accountId, clientId, origin);
    const grant = id === undefined ? undefined : await provider.Grant.find(id);
    if (grant?.exp !== undefined && grant.exp - Date.now() / 1000 < lifetime / 2) {
      grant.exp = Math.floor(Date.now() / 1000) + lifetime;
      await grant.save();
    }
    return grant;
  };
  return {
    find,
    async implied(provider, accountId, clientId) {
      const found = await find(provider, accountId, clientId, 'implied');
      if (found) return found;
      const fields: Partial<Grant> & GrantFields = { accountId, clientId, implied: true };
      return new provider.Grant(fields);
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
