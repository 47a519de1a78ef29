import { errors } from '../library/index.js';
import { GRANT_TYPES } from '../../clients/index.js';
import type { People } from '../../users/index.js';
import type { Way } from './direct.js';

/**
 * The resource owner password credentials grant (RFC 6749, 4.3). OAuth 2.1 drops it, because the application sees the
 * password; it is here for clients that come from IdentityServer4.
 */
export const byPassword = (
  people: People,
  tenantId: string,
): Way<{ username?: string; password?: string }> => ({
  grantType: GRANT_TYPES.password,
  name: 'password',
  amr: ['pwd'],
  params: ['username', 'password'],
  async recognise({ username, password }, address) {
    if (!username || !password)
      throw new errors.InvalidRequest("missing required parameter(s) 'username', 'password'");
    return people.signIn(tenantId, username, password, address);
  },
});
