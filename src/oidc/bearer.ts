import { decodeJwt } from 'jose';
import type { Provider } from 'oidc-provider';
import { MANAGEMENT_API } from '../api-resources/index.js';
import type { Actor, Presented } from '../api/index.js';
import type { Revocations } from '../revocations/index.js';
import { holdsEverything } from '../roles/index.js';
import type { People } from '../users/index.js';
import type { Artifacts } from './artifacts.js';
import type { Catalogue } from './catalogue.js';
import type { ClientCache } from './client-cache.js';
import { derivedIn, tokenIdOf } from './derived-token.js';
import { liveAccessToken, type Token } from './introspection.js';
import { dependenciesOf, kidOf, type AccessTokenClaims, type TokenDependencies } from './jwt-access-token.js';
import type { TokenPolicy } from './token-policy.js';

export interface BearerBase {
  tenantId: string;
  provider: Provider;
  catalogue: Catalogue;
  clients: ClientCache;
  artifacts: Artifacts;
  people: People;
  scopesNow: TokenPolicy['scopesNow'];
}

/** A JWT access token of the tenant that works, for a room whose API it may be for. */
export interface LiveToken {
  audience: string;
  /** What its holder is called: the `sub`, or the client's id. */
  name: string;
  /** The user's name now, which the user may lose; undefined where it is nobody's or could be taken for another's. */
  userName: string | undefined;
  claims: Readonly<Record<string, unknown>>;
  /** The key that signed it. */
  kid: string;
  /** What must still be there for it to work; it opens nothing. */
  dependencies: TokenDependencies;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** An access token that works, and is bound to no key (RFC 9449, RFC 8705): who only sends it has proved to have none. */
async function bearerToken(
  {
    tenantId,
    provider,
    artifacts,
    catalogue,
  }: Pick<BearerBase, 'tenantId' | 'provider' | 'artifacts' | 'catalogue'>,
  value: string,
): Promise<(Token & { clientId: string }) | undefined> {
  // The user is looked up once, by who asks, where more of the user is needed as well.
  const isActive = async (): Promise<boolean> => true;
  const token = await liveAccessToken(provider, value, { artifacts, catalogue, tenantId, isActive });
  if (!token?.clientId || (token.jkt ?? token['x5t#S256']) !== undefined) return undefined;
  return { ...token, clientId: token.clientId };
}

/**
 * A token of which more is kept than its use at this moment.
 * @returns undefined for anything but a JWT access token of the tenant's that works, of a user who may sign in.
 */
export async function liveTokenOf(
  base: Omit<BearerBase, 'clients' | 'scopesNow'> & { revocations: Revocations },
  value: string,
): Promise<LiveToken | undefined> {
  const token = value.includes('.') ? await bearerToken(base, value) : undefined;
  if (!token) return undefined;
  const { accountId, clientId } = token;
  const user = accountId === undefined ? undefined : await base.people.called(base.tenantId, accountId);
  if (accountId !== undefined && !user) return undefined;
  const claims = decodeJwt<AccessTokenClaims>(value);
  const kid = kidOf(value) ?? '';
  const seen = await base.revocations.generationUnder(base.tenantId, kid);
  if (seen === undefined) return undefined;
  // Somebody with a stolen key can write a greater one, which no revocation would ever reach.
  const gen = Math.min(token.generation, seen);
  return {
    audience: String(claims.aud),
    name: accountId ?? clientId,
    userName: user?.userName,
    claims,
    kid,
    dependencies: { ...dependenciesOf(claims), gen },
    expiresAt: claims.exp * 1000,
  };
}

/** What a token that is derived from this one takes over (issue-token.ts). */
function presentedOf(value: string, token: Token, audience: string): Presented {
  const { grantId, sessionUid, expiresWithSession, generation, exp } = token;
  return {
    id: tokenIdOf(value),
    audience,
    grantId,
    sessionUid,
    expiresWithSession,
    generation,
    kid: kidOf(value),
    expiresAt: exp,
    derived: derivedIn(token.extra) as Record<string, unknown> | undefined,
  };
}

/**
 * Whose access token comes to the management API, and what it opens now: the token's scopes as far as the clients behind it
 * may still have them, and the permissions that the user, or the owner of a client that acts for itself, has at this moment,
 * whatever the token says.
 * @returns undefined for a token that is not valid, is for another audience, or is bound to a key (RFC 9449, RFC 8705),
 * which nobody who only sends it has proved to have.
 */
export async function actorOf(
  { tenantId, provider, catalogue, clients, artifacts, people, scopesNow }: BearerBase,
  value: string,
): Promise<Actor | undefined> {
  const token = await bearerToken({ tenantId, provider, artifacts, catalogue }, value);
  const audience = catalogue.apis.find(({ name }) => name === MANAGEMENT_API)?.audience;
  if (!token || audience === undefined || token.aud !== audience) return undefined;
  const client = await clients.get(token.clientId);
  if (!client) return undefined;
  const scopes = new Set(await scopesNow(token));
  const presented = presentedOf(value, token, audience);
  const { clientId } = token;
  if (token.accountId === undefined) {
    const { owner } = client;
    // So is what an owner has left, and what was made by an owner whom no role confines any more.
    const confines = owner !== null && !holdsEverything(await people.permissionsOfOwner(tenantId, owner));
    return { clientId, scopes, token: presented, confined: confines ? owner : undefined };
  }
  const user = await people.active(tenantId, token.accountId);
  if (!user) return undefined;
  const { permissions, confined } = await people.standing(tenantId, user);
  return {
    clientId,
    userKey: user.userKey,
    scopes,
    token: presented,
    permissions: new Set(permissions),
    confined: confined ? user.userKey : undefined,
  };
}
