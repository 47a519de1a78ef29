import { decodeJwt } from 'jose';
import type { Provider } from 'oidc-provider';
import { MANAGEMENT_API } from '../api-resources/index.js';
import type { Actor } from '../api/index.js';
import type { People } from '../users/index.js';
import type { Artifacts } from './artifacts.js';
import type { Catalogue } from './catalogue.js';
import type { ClientCache } from './client-cache.js';
import { liveAccessToken } from './introspection.js';

export interface BearerBase {
  tenantId: string;
  provider: Provider;
  catalogue: Catalogue;
  clients: ClientCache;
  artifacts: Artifacts;
  people: People;
}

/**
 * Whose access token comes to the management API, and what it opens now: the token's scopes as far as the client may still
 * have them, and the permissions that the user has at this moment, whatever the token says.
 * @returns undefined for a token that is not valid, is for another audience, or is bound to a key (RFC 9449, RFC 8705),
 * which nobody who only sends it has proved to have.
 */
export async function actorOf(
  { tenantId, provider, catalogue, clients, artifacts, people }: BearerBase,
  value: string,
): Promise<Actor | undefined> {
  // The user is looked up once, below, where the permissions are needed as well.
  const isActive = async (): Promise<boolean> => true;
  const token = await liveAccessToken(provider, value, { artifacts, tenantId, isActive });
  const audience = catalogue.apis.find(({ name }) => name === MANAGEMENT_API)?.audience;
  if (
    !token?.clientId ||
    audience === undefined ||
    token.aud !== audience ||
    (token.jkt ?? token['x5t#S256']) !== undefined
  )
    return undefined;
  const client = await clients.get(token.clientId);
  if (!client) return undefined;
  const allowed = new Set(client.settings.scopes);
  const scopes = new Set((token.scope ?? '').split(' ').filter((scope) => allowed.has(scope)));
  const { grantId, sessionUid, expiresWithSession } = token;
  const id = value.includes('.') ? decodeJwt(value).jti : undefined;
  const presented = { id, audience, grantId, sessionUid, expiresWithSession };
  if (token.accountId === undefined) return { clientId: token.clientId, scopes, token: presented };
  const user = await people.active(tenantId, token.accountId);
  if (!user) return undefined;
  const { role, permission } = await people.authority(tenantId, user);
  const may = { token: presented, permissions: new Set(permission), roles: new Set(role) };
  return { clientId: token.clientId, userKey: user.userKey, scopes, ...may };
}
