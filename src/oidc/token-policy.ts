import {
  errors,
  type AdapterPayload,
  type Configuration,
  type KoaContextWithOIDC,
  type ResourceServer,
} from './library/index.js';
import type { ApiResource } from '../api-resources/index.js';
import { isManagementWord, isWithin } from '../api/index.js';
import { DOCS_CLIENT_ID, type Client } from '../clients/index.js';
import { longestLife, type Config } from '../config.js';
import type { Revocations } from '../revocations/index.js';
import type { Tenant } from '../tenants/index.js';
import type { People } from '../users/index.js';
import type { Artifacts } from './artifacts.js';
import type { Catalogue } from './catalogue.js';
import { claimsForApi, type UsersAccount } from './claims.js';
import type { ClientCache, LibraryClient } from './client-cache.js';
import { derivedClaims } from './grants/token-exchange.js';
import { derivedIn, openDependencies, type Dependencies } from './derived-token.js';
import { generationSource, type GenerationOf } from './generation.js';
import {
  asStoredToken,
  generationIn,
  issuedOf,
  verifyAccessToken,
  type TokenDependencies,
} from './jwt-access-token.js';
import type { KeyRing } from './keys/index.js';
import { reaches, requireReach, scopesAt } from './scopes.js';

/**
 * An API as the library wants it for a client. The scopes are those `asked` for (space-separated) that the client may
 * have; all that it may have, when the request goes on with what was asked before.
 */
export type ResourceServerOf = (client: LibraryClient, indicator: string, asked?: string) => ResourceServer;

/** What a token is for, holds and is worth, and for how long. */
export interface TokenPolicy {
  /** @throws InvalidTarget for an API that is not there, or that the client has nothing of. */
  resourceServer: ResourceServerOf;
  /**
   * The same for an API that was granted before and that the request does not name. Where the client has nothing of it any
   * more, or the API is gone (undefined), the token is for the provider alone, with what is left of its scopes: the
   * application stays signed in.
   */
  grantedResource(client: LibraryClient, indicator: string | undefined, asked?: string): ResourceServer;
  /** A token's own client may look at it, and a confidential one that serves the API that the token is for. */
  mayIntrospect(client: Client, token: { clientId?: string | undefined; aud: unknown }): boolean;
  /** Whether the user may sign in. */
  isActive(userKey: string): Promise<boolean>;
  /**
   * What introspection says of a token, as it is at this moment: scopes that the client may still have, and the roles and
   * permissions that the user has now. So what was taken away is gone from tokens that are out already.
   */
  asOfNow<T extends Said>(said: T): Promise<T>;
  /**
   * The scopes of a token that its client may still have, and so may the clients whose tokens it was derived from; of a
   * client's own token, what `ownWords` leaves of them.
   */
  scopesNow(token: Holder): Promise<string[]>;
  /**
   * Of these words, those that count where the client acts for itself: no word of the management API that the owner of the
   * client does not hold now. It looks at the store only where there is an owner, and such a word.
   */
  ownWords(client: Pick<Client, 'owner'>, words: readonly string[]): Promise<readonly string[]>;
  /** A JWT access token of the tenant that works, as the payload that the library would have kept for it. */
  readJwt(jwt: string): Promise<AdapterPayload | undefined>;
  /** Whether all that a token was derived from still works (derived-token.ts). */
  sourcesLive(token: AdapterPayload, generation: number): Promise<boolean>;
  /**
   * Whether a token still works whose claims were checked before, when the token itself is not at hand: nothing that it
   * depends on was revoked or has ended since, and its client still has something of its API.
   */
  stillLive(claims: TokenDependencies): Promise<boolean>;
  /** Whether the client of a token has something of the API that it is for, as the client and the API are now. */
  stillReaches(claims: TokenDependencies): Promise<boolean>;
  generation: GenerationOf;
  /** Revokes one access token, by its id (derived-token.ts), and what was derived from it; it expires at that time. */
  revokeToken(id: string, expiresAt: number): Promise<void>;
  revokeFamily(family: string): Promise<void>;
  extraClaims: NonNullable<Configuration['extraTokenClaims']>;
  ttl: NonNullable<Configuration['ttl']>;
  /**
   * Whether a session or a refresh token has come to its absolute end. The library allows for clocks that differ and for
   * nothing shorter than a second, so what is used all the time would never get there by its expiry alone.
   */
  isOver(model: string, payload: AdapterPayload): Promise<boolean>;
}

/** What is told of a token, in the protocol's names. */
export interface Said {
  client_id?: string | undefined;
  sub?: string | undefined;
  scope?: string | undefined;
  role?: unknown;
  permission?: unknown;
}

/** Who has which scopes by a token, and what it was derived from. */
export interface Holder {
  clientId?: string | undefined;
  accountId?: string | undefined;
  scope?: string | undefined;
  /** The claims that tell of the derivation, among others. */
  extra?: object | undefined;
}

export interface TokenPolicyParts {
  config: Config;
  tenant: Tenant;
  keys: KeyRing;
  catalogue: Catalogue;
  clients: ClientCache;
  people: People;
  artifacts: Artifacts;
  revocations: Revocations;
}

export function tokenPolicy(parts: TokenPolicyParts): TokenPolicy {
  const { config, tenant, keys, catalogue, clients, people, artifacts, revocations } = parts;
  const { lifetimes } = config;

  const serverOf = (api: ApiResource | undefined, client: Client, asked?: string): ResourceServer => ({
    audience: api?.audience ?? tenant.issuer,
    scope: scopesAt(catalogue, api, client, asked).join(' '),
    accessTokenFormat: api?.accessTokenFormat ?? 'opaque',
    accessTokenTTL: Math.min(
      client.settings.accessTokenLifetime ?? api?.accessTokenLifetime ?? lifetimes.accessToken,
      lifetimes.accessTokenLongest,
    ),
    ...(api && { jwt: { sign: { alg: api.signingAlg as 'ES256' } } }),
  });
  const resourceServer: ResourceServerOf = (asking, indicator, asked) => {
    const api = catalogue.apiByIndicator.get(indicator);
    if (!api) throw new errors.InvalidTarget();
    const client = clients.known(asking);
    requireReach(catalogue, api, client);
    return serverOf(api, client, asked);
  };
  const grantedResource: TokenPolicy['grantedResource'] = (asking, indicator, asked) => {
    const api = indicator === undefined ? undefined : catalogue.apiByIndicator.get(indicator);
    const client = clients.known(asking);
    return serverOf(api && reaches(catalogue, api, client) ? api : undefined, client, asked);
  };

  const isOver = absoluteEnds(config, clients);
  const dependencies = openDependencies({ tenantId: tenant.id, artifacts, clients, revocations, isOver });
  const isActive = async (userKey: string): Promise<boolean> =>
    (await people.active(tenant.id, userKey)) !== undefined;
  const stillReaches: TokenPolicy['stillReaches'] = async ({ client_id: clientId, aud, aid }) => {
    if (aud === undefined) return true; // of a token that was checked by an earlier program
    if (catalogue.isForAnotherApi(aud, aid)) return false;
    const [api, client] = [catalogue.apiByAudience.get(aud), await clients.get(clientId)];
    return api !== undefined && client !== undefined && reaches(catalogue, api, client);
  };
  const mayBeUsed = async ({ sub, user_name: userName }: TokenDependencies): Promise<boolean> =>
    userName === undefined ? isActive(sub) : (await people.called(tenant.id, sub))?.userName === userName;
  const sourcesLive: TokenPolicy['sourcesLive'] = async ({ extra, accountId = '' }, generation) => {
    const derived = derivedIn(extra);
    return !derived || dependencies.sourcesLive(derived, accountId, generation);
  };
  const isRevoked = async (claims: TokenDependencies): Promise<boolean> =>
    !(await clients.get(claims.client_id)) || (await revocations.isRevoked(tenant.id, issuedOf(claims)));

  const ownWords: TokenPolicy['ownWords'] = async ({ owner }, words) => {
    if (owner === null || !words.some(isManagementWord)) return words;
    const held = await people.permissionsOfOwner(tenant.id, owner);
    return words.filter((word) => isWithin(held, word));
  };

  const scopesNow: TokenPolicy['scopesNow'] = async ({ clientId = '', accountId = '', scope, extra }) => {
    const derived = derivedIn(extra);
    const sources = derived ? await dependencies.sourceClients(derived, accountId) : [];
    const client = await clients.get(clientId);
    const holders = [client, ...sources];
    const words = (scope?.split(' ') ?? []).filter(
      (word) => word !== '' && holders.every((holder) => holder?.settings.scopes.includes(word)),
    );
    // The subject of a client's own JWT is the client.
    const actsForItself = accountId === '' || accountId === clientId;
    return client && actsForItself ? [...(await ownWords(client, words))] : words;
  };

  return {
    resourceServer,
    grantedResource,
    sourcesLive,
    scopesNow,
    ownWords,
    generation: generationSource(tenant.id, revocations, clients),
    mayIntrospect({ clientId, settings: { resources, tokenEndpointAuthMethod } }, token) {
      const api = catalogue.apiByAudience.get(token.aud);
      const serves = api !== undefined && resources.includes(api.name);
      return token.clientId === clientId || (tokenEndpointAuthMethod !== 'none' && serves);
    },
    async asOfNow(said) {
      const words = said.scope?.split(' ') ?? [];
      const stays = await scopesNow({
        clientId: said.client_id,
        accountId: said.sub,
        scope: said.scope,
        extra: said,
      });
      const now = stays.length === words.length ? said : { ...said, scope: stays.join(' ') };
      if (said.role === undefined && said.permission === undefined) return now;
      const user = await people.active(tenant.id, said.sub ?? '');
      const authority = user ? await people.authority(tenant.id, user) : { role: [], permission: [] };
      return {
        ...now,
        ...(said.role !== undefined && { role: authority.role }),
        ...(said.permission !== undefined && { permission: authority.permission }),
      };
    },
    isActive,
    async readJwt(jwt) {
      const claims = await verifyAccessToken(keys, tenant.issuer, jwt);
      if (!claims || (await isRevoked(claims))) return undefined;
      if (catalogue.isForAnotherApi(claims.aud, claims.aid)) return undefined;
      const token = asStoredToken(jwt, claims);
      return (await sourcesLive(token, generationIn(claims))) ? token : undefined;
    },
    stillReaches,
    stillLive: async (claims) =>
      !(await isRevoked(claims)) &&
      (await stillReaches(claims)) &&
      (claims.gid === undefined
        ? sourcesLive({ extra: { ...claims } }, generationIn(claims))
        : (await mayBeUsed(claims)) && (await grantLives(claims, dependencies))),
    revokeToken: (id, expiresAt) => {
      // What was issued for it may live longer than it does.
      const longest = Date.now() + lifetimes.accessTokenLongest * 1000;
      return revocations.revokeToken(tenant.id, id, Math.max(expiresAt, longest));
    },
    revokeFamily: (family) =>
      revocations.revokeFamily(tenant.id, family, Date.now() + longestLife(config) * 1000),
    async extraClaims(ctx, token) {
      const { resourceServer: server } = token as typeof token & {
        resourceServer?: ResourceServer;
      };
      const api = server && catalogue.apiByAudience.get(server.audience);
      const ownClaims = { tenant: tenant.id, ...(api && { aid: api.id }) };
      if (token.kind !== 'AccessToken' || !('accountId' in token)) return ownClaims;
      const { accountId, grantId, sessionUid, expiresWithSession } = token;
      const known = ctx.oidc.account as UsersAccount | undefined;
      const user =
        api && (known?.accountId === accountId ? known.user : await people.active(tenant.id, accountId));
      const about = user
        ? claimsForApi(api, (token.scope ?? '').split(' '), user, await people.authority(tenant.id, user))
        : {};
      const signIn = expiresWithSession ? { sid: sessionUid } : { fid: sessionUid };
      return { ...about, ...ownClaims, gid: grantId, ...signIn, ...derivedClaims(token) };
    },
    ttl: ttlOf(config, clients),
    isOver,
  };
}

/** Whether what a user's token depends on is still there: its grant, its session, and what it was derived from. */
async function grantLives(
  claims: TokenDependencies,
  { grantedClient, sessionLives, sourcesLive }: Dependencies,
): Promise<boolean> {
  const { sub: userKey, client_id: clientId, gid: grantId = '', sid } = claims;
  if ((await grantedClient(grantId, userKey, clientId)) === undefined) return false;
  if (sid !== undefined && !(await sessionLives(sid, { userKey, clientId, grantId }))) return false;
  const derived = derivedIn({ ...claims });
  return !derived || sourcesLive(derived, userKey, generationIn(claims));
}

const absoluteEnds =
  ({ lifetimes }: Config, clients: ClientCache): TokenPolicy['isOver'] =>
  async (model, payload) => {
    if (model === 'Session') {
      const { loginTs, iat, exp = 0 } = payload;
      return secondsSince(exp) >= 0 || secondsSince(loginTs ?? iat) >= lifetimes.sessionAbsolute;
    }
    if (model !== 'RefreshToken') return false;
    const client = await clients.get(payload.clientId ?? '');
    const absolute = shorter(client?.settings.refreshTokenAbsolute, lifetimes.refreshTokenAbsolute);
    return secondsSince(payload.iiat) >= absolute;
  };

type AccessTokenTtl = (
  ctx: KoaContextWithOIDC,
  token: { resourceServer?: ResourceServer | undefined },
) => number;

const secondsSince = (epochSeconds = 0): number => Math.floor(Date.now() / 1000) - epochSeconds;

/** A client's own number, where it is below the configured one. */
const shorter = (own: number | undefined, configured: number): number =>
  Math.min(own ?? configured, configured);

/** Lives until it has lain idle for too long, or is too old. */
const remaining = (idle: number, absolute: number, age: number): number =>
  Math.max(1, Math.min(idle, absolute - age));

function ttlOf({ lifetimes }: Config, clients: ClientCache): NonNullable<Configuration['ttl']> {
  const accessToken: AccessTokenTtl = (_ctx, token) =>
    token.resourceServer?.accessTokenTTL ?? lifetimes.accessToken;
  const refreshToken = ({ settings }: Client, age: number): number =>
    remaining(
      shorter(settings.refreshTokenIdle, lifetimes.refreshTokenIdle),
      shorter(settings.refreshTokenAbsolute, lifetimes.refreshTokenAbsolute),
      age,
    );
  return {
    AccessToken: accessToken,
    ClientCredentials: accessToken,
    AuthorizationCode: lifetimes.authorizationCode,
    DeviceCode: lifetimes.deviceCode,
    // No consent of `/docs` is remembered, so none has to outlive its tokens.
    Grant: (_ctx, { clientId }) =>
      clientId === DOCS_CLIENT_ID ? lifetimes.accessTokenLongest : lifetimes.grant,
    IdToken: lifetimes.idToken,
    Interaction: lifetimes.interaction,
    // From the sign-in on; signing in again begins anew.
    Session: (_ctx, { loginTs, iat }) =>
      remaining(
        lifetimes.sessionIdle,
        lifetimes.sessionAbsolute,
        loginTs === undefined && iat === undefined ? 0 : secondsSince(loginTs ?? iat),
      ),
    RefreshToken: (_ctx, { iiat }, client) => refreshToken(clients.known(client), secondsSince(iiat)),
  };
}
