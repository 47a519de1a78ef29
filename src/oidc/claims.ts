import type { Account, AccountClaims } from 'oidc-provider';
import type { ApiResource } from '../api-resources/index.js';
import { standardClaims, type Authority, type People, type User } from '../users/index.js';

/** An account of the library's with whose it is. */
export interface UsersAccount extends Account {
  user: User;
}

/** A user as the library knows one. Claims are all the user has; the library gives out what the scopes open. */
export function accountOf(people: People, tenantId: string, user: User): UsersAccount {
  return {
    user,
    accountId: user.userKey,
    async claims(): Promise<AccountClaims> {
      return { ...standardClaims(user), ...(await people.authority(tenantId, user)), sub: user.userKey };
    },
  };
}

/** What an API's access tokens say of the user: exactly the claims that the API, and the token's scopes of it, ask for. */
export function claimsForApi(
  api: ApiResource,
  scopes: readonly string[],
  user: User,
  authority: Authority,
): Record<string, unknown> {
  const all: Record<string, unknown> = { ...standardClaims(user), ...authority };
  const ofScopes = api.scopes.flatMap(({ name, userClaims }) =>
    userClaims.length > 0 && scopes.includes(name) ? userClaims : [],
  );
  return Object.fromEntries(
    [...api.userClaims, ...ofScopes]
      .filter((name) => Object.hasOwn(all, name))
      .map((name) => [name, all[name]]),
  );
}
