import {
  errors,
  type AdapterPayload,
  type Configuration,
  type KoaContextWithOIDC,
  type ResourceServer,
} from 'oidc-provider';
import { DOCS_CLIENT_ID, type Client } from '../clients/index.js';
import type { Config } from '../config.js';
import type { Revocations } from '../revocations/index.js';
import type { Tenant } from '../tenants/index.js';
import type { People } from '../users/index.js';
import type { Artifacts } from './artifacts.js';
import type { Catalogue } from './catalogue.js';
import { claimsForApi, type UsersAccount } from './claims.js';
import type { ClientCache } from './client-cache.js';
import { exchangedClaims, type Exchanged } from './grants/token-exchange.js';
import { asStoredToken, grantIn, issuedOf, verifyAccessToken } from './jwt-access-token.js';
import type { KeyRing } from './keys/index.js';
import { scopesAt } from './scopes.js';

/**
 * An API as the library wants it for a client. The scopes are those `asked` for (space-separated) that the client may
 * have; all that it may have, when the request goes on with what was asked before.
 */
export type ResourceServerOf = (clientId: string, indicator: string, asked?: string) => ResourceServer;

/** What a token is for, holds and is worth, and for how long. */
export interface TokenPolicy {
  resourceServer: ResourceServerOf;
  /** A token's own client may look at it, and a confidential one that serves the API that the token is for. */
  mayIntrospect(
    clientId: string | undefined,
    token: { clientId?: string | undefined; aud: unknown },
  ): boolean;
  /** Whether the user may sign in. */
  isActive(userKey: string): Promise<boolean>;
  /**
   * What introspection says of a token, as it is at this moment: scopes that the client may still have, and the roles and
   * permissions that the user has now. So what was taken away is gone from tokens that are out already.
   */
  asOfNow<T extends Said>(said: T): Promise<T>;
  /** A JWT access token of the tenant that works, as the payload that the library would have kept for it. */
  readJwt(jwt: string): Promise<AdapterPayload | undefined>;
  /** An exchanged token ends with each family and each grant that it came of (grants/token-exchange.ts). */
  originsLive(token: AdapterPayload): Promise<boolean>;
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

  const resourceServer: ResourceServerOf = (clientId, indicator, asked) => {
    const api = catalogue.apiByIndicator.get(indicator);
    if (!api) throw new errors.InvalidTarget();
    const client = clients.known(clientId);
    return {
      audience: api.audience,
      scope: scopesAt(catalogue, api, client, asked).join(' '),
      accessTokenFormat: api.accessTokenFormat,
      accessTokenTTL: Math.min(
        client.settings.accessTokenLifetime ?? api.accessTokenLifetime ?? lifetimes.accessToken,
        lifetimes.accessTokenLongest,
      ),
      jwt: { sign: { alg: api.signingAlg as 'ES256' } },
    };
  };

  async function originsLive(token: AdapterPayload): Promise<boolean> {
    const { origin = [] } = (token.extra ?? {}) as Partial<Exchanged>;
    for (const family of origin) {
      if (await revocations.isFamilyRevoked(tenant.id, family, (token.iat ?? 0) * 1000)) return false;
      if (!(await artifacts.find(tenant.id, 'Grant', grantIn(family)))) return false;
    }
    return true;
  }

  const ownClaims = { tenant: tenant.id };
  return {
    resourceServer,
    originsLive,
    mayIntrospect(clientId, token) {
      if (clientId === undefined) return false;
      const { resources, tokenEndpointAuthMethod } = clients.known(clientId).settings;
      const serves = catalogue.apis.some(
        ({ name, audience }) => audience === token.aud && resources.includes(name),
      );
      return token.clientId === clientId || (tokenEndpointAuthMethod !== 'none' && serves);
    },
    async asOfNow(said) {
      const { scopes = [] } = (await clients.get(said.client_id ?? ''))?.settings ?? {};
      const words = said.scope?.split(' ') ?? [];
      const stays = words.filter((word) => scopes.includes(word));
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
    isActive: async (userKey) => (await people.active(tenant.id, userKey)) !== undefined,
    async readJwt(jwt) {
      const claims = await verifyAccessToken(keys, tenant.issuer, jwt);
      if (!claims || !(await clients.get(claims.client_id))) return undefined;
      if (await revocations.isRevoked(tenant.id, issuedOf(claims))) return undefined;
      const token = asStoredToken(jwt, claims);
      return (await originsLive(token)) ? token : undefined;
    },
    revokeFamily: (family) =>
      revocations.revokeFamily(tenant.id, family, Date.now() + lifetimes.accessTokenLongest * 1000),
    async extraClaims(ctx, token) {
      if (token.kind !== 'AccessToken' || !('accountId' in token)) return ownClaims;
      const { accountId, grantId, sessionUid, expiresWithSession } = token;
      const { resourceServer: server } = token as typeof token & {
        resourceServer?: { identifier(): string };
      };
      const api = server && catalogue.apiByIndicator.get(server.identifier());
      const known = ctx.oidc.account as UsersAccount | undefined;
      const user =
        api && (known?.accountId === accountId ? known.user : await people.active(tenant.id, accountId));
      const about = user
        ? claimsForApi(api, (token.scope ?? '').split(' '), user, await people.authority(tenant.id, user))
        : {};
      const signIn = expiresWithSession ? { sid: sessionUid } : { fid: sessionUid };
      return { ...about, tenant: tenant.id, gid: grantId, ...signIn, ...exchangedClaims(token) };
    },
    ttl: ttlOf(config, clients),
    async isOver(model, payload) {
      if (model === 'Session') {
        const { loginTs, iat, exp = 0 } = payload;
        return secondsSince(exp) >= 0 || secondsSince(loginTs ?? iat) >= lifetimes.sessionAbsolute;
      }
      if (model !== 'RefreshToken') return false;
      const client = await clients.get(payload.clientId ?? '');
      const absolute = shorter(client?.settings.refreshTokenAbsolute, lifetimes.refreshTokenAbsolute);
      return secondsSince(payload.iiat) >= absolute;
    },
  };
}

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
    RefreshToken: (_ctx, { iiat }, { clientId }) => refreshToken(clients.known(clientId), secondsSince(iiat)),
  };
}
