import {
  Provider,
  interactionPolicy,
  errors,
  type Configuration,
  type KoaContextWithOIDC,
  type ResourceServer,
} from 'oidc-provider';
import type { Client } from '../clients/index.js';
import type { Config } from '../config.js';
import { factsOf } from '../kernel/request.js';
import type { Audit, Log } from '../observe/index.js';
import type { Revocations } from '../revocations/index.js';
import type { Store, Vault } from '../store/index.js';
import type { Tenant } from '../tenants/index.js';
import type { People } from '../users/index.js';
import { adapterFactory } from './adapter.js';
import type { Artifacts } from './artifacts.js';
import type { Catalogue } from './catalogue.js';
import { accountOf, claimsForApi } from './claims.js';
import { assertAudience, CLIENT_SIGNING_ALGS, secureClients } from './client-authentication.js';
import type { ClientCache } from './client-cache.js';
import { mayCallFrom } from './client-metadata.js';
import { CORRECTIONS, prefillUserCode } from './corrections.js';
import { existingGrants } from './grants/existing.js';
import { loadGrant } from './grants/load.js';
import { registerPasswordGrant } from './grants/password.js';
import { oidcPages } from './interactions/pages.js';
import { asStoredToken, issuedOf, stampJwt, verifyAccessToken } from './jwt-access-token.js';
import { answerForJwt, type JwtStatusBase } from './jwt-status.js';
import type { KeyRing } from './keys/index.js';
import { decideScopes } from './requested-scope.js';
import { ROUTES } from './routes.js';
import { scopesAt } from './scopes.js';
import { senderConstraints } from './sender-constraints.js';
import { documentPath, type PublishedDocuments } from './well-known.js';

/** What every tenant's provider shares. */
export interface OidcBase {
  config: Config;
  store: Store;
  vault: Vault;
  artifacts: Artifacts;
  revocations: Revocations;
  people: People;
  audit: Audit;
  log: Log;
}

/**
 * An API as the library wants it for a client. The scopes are those `asked` for (space-separated) that the client may
 * have; all that it may have, when the request goes on with what was asked before.
 */
export type ResourceServerOf = (clientId: string, indicator: string, asked?: string) => ResourceServer;

/** What one tenant's provider is made of. */
export interface TenantParts {
  tenant: Tenant;
  keys: KeyRing;
  cookieKey: string;
  /** Where DPoP nonces come from: 32 bytes, the same on every node. */
  dpopSecret: Buffer;
  catalogue: Catalogue;
  clients: ClientCache;
  documents: PublishedDocuments;
}

export function buildProvider(base: OidcBase, parts: TenantParts): Provider {
  const { tenant, keys, catalogue, clients, documents } = parts;
  const { people, artifacts, revocations, config } = base;
  const pages = oidcPages(tenant);
  const secure = tenant.issuer.startsWith('https:');
  const grants = existingGrants(
    (accountId, clientId) => artifacts.grantOf(tenant.id, accountId, clientId),
    config.lifetimes.grant,
  );

  const resourceServer: ResourceServerOf = (clientId, indicator, asked) => {
    const api = catalogue.apiByIndicator.get(indicator);
    if (!api) throw new errors.InvalidTarget();
    const client = clients.known(clientId);
    return {
      audience: api.audience,
      scope: scopesAt(catalogue, api, client, asked).join(' '),
      accessTokenFormat: api.accessTokenFormat,
      accessTokenTTL: Math.min(
        client.settings.accessTokenLifetime ?? api.accessTokenLifetime ?? config.lifetimes.accessToken,
        config.lifetimes.accessTokenLongest,
      ),
      jwt: { sign: { alg: api.signingAlg as 'ES256' } },
    };
  };

  /** A token's own client, or a confidential one that serves the API that the token is for. */
  const mayIntrospect = (
    clientId: string | undefined,
    token: { clientId?: string | undefined; aud: unknown },
  ): boolean => {
    if (clientId === undefined) return false;
    const { resources, tokenEndpointAuthMethod } = clients.known(clientId).settings;
    return (
      token.clientId === clientId ||
      (tokenEndpointAuthMethod !== 'none' &&
        catalogue.apis.some(({ name, audience }) => audience === token.aud && resources.includes(name)))
    );
  };

  const accessTokenTtl = (_ctx: unknown, token: { resourceServer?: ResourceServer | undefined }): number =>
    token.resourceServer?.accessTokenTTL ?? config.lifetimes.accessToken;

  const configuration: Configuration = {
    adapter: adapterFactory({
      tenantId: tenant.id,
      vault: base.vault,
      artifacts,
      clientMetadata: (clientId) => clients.metadata(clientId),
      async readJwt(jwt) {
        const claims = await verifyAccessToken(keys, tenant.issuer, jwt);
        if (!claims || !(await clients.get(claims.client_id))) return undefined;
        return (await revocations.isRevoked(tenant.id, issuedOf(claims)))
          ? undefined
          : asStoredToken(jwt, claims);
      },
      revokeFamily: (family) =>
        revocations.revokeFamily(tenant.id, family, Date.now() + config.lifetimes.accessTokenLongest * 1000),
    }),
    jwks: { keys: keys.signing },
    routes: ROUTES,
    cookies: {
      // The name binds a session to this host and to https where there is https (RFC 6265bis, 4.1.3.2).
      names: {
        session: `${secure ? '__Host-' : ''}gatehouse`,
        interaction: 'gatehouse_interaction',
        resume: 'gatehouse_resume',
      },
      long: { httpOnly: true, sameSite: 'lax', secure },
      short: { httpOnly: true, sameSite: 'lax', secure },
      keys: [parts.cookieKey],
    },
    scopes: [...catalogue.identity.keys()],
    claims: Object.fromEntries([...catalogue.identity].map(([name, { userClaims }]) => [name, userClaims])),
    responseTypes: ['code'],
    subjectTypes: ['public'],
    clientAuthMethods: [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'self_signed_tls_client_auth',
      ...(config.mtls.verifiedByProxy ? (['tls_client_auth'] as const) : []),
      'none',
    ],
    enabledJWA: {
      idTokenSigningAlgValues: keys.algorithms,
      introspectionSigningAlgValues: keys.algorithms,
      clientAuthSigningAlgValues: [...CLIENT_SIGNING_ALGS],
      requestObjectSigningAlgValues: [...CLIENT_SIGNING_ALGS],
      dPoPSigningAlgValues: ['ES256', 'EdDSA'],
    },
    assertJwtClientAuthClaimsAndHeader: assertAudience(tenant.issuer),
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      ...senderConstraints(config, parts.dpopSecret),
      requestObjects: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: {
        enabled: true,
        charset: 'base-20',
        mask: '****-****',
        deviceInfo: (ctx) => ({ ip: ctx.ip }),
        userCodeInputSource: pages.deviceInput,
        userCodeConfirmSource: pages.deviceConfirm,
        successSource: pages.deviceDone,
      },
      externalSigningSupport: { enabled: true, ack: 'experimental-01' },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) =>
          mayIntrospect(client.clientId, {
            clientId: token.clientId,
            aud: 'aud' in token ? token.aud : undefined,
          }),
      },
      jwtIntrospection: { enabled: true },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: pages.signOut,
        postLogoutSuccessSource: pages.signedOut,
      },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        defaultResource(ctx, client, oneOf) {
          if (oneOf) return oneOf;
          decideScopes(ctx, catalogue, clients.known(client.clientId));
          return ctx.oidc.params?.['resource'] as string | undefined;
        },
        getResourceServerInfo(ctx, indicator, client) {
          decideScopes(ctx, catalogue, clients.known(client.clientId));
          return resourceServer(client.clientId, indicator, ctx.oidc.params?.['scope'] as string | undefined);
        },
      },
    },
    async findAccount(_ctx, sub) {
      const user = await people.active(tenant.id, sub);
      return user && accountOf(people, tenant.id, user);
    },
    async extraTokenClaims(_ctx, token) {
      if (token.kind !== 'AccessToken' || !('accountId' in token)) return { tenant: tenant.id };
      const {
        accountId,
        grantId,
        sessionUid,
        expiresWithSession,
        resourceServer: server,
      } = token as typeof token & { resourceServer?: { identifier(): string } };
      const api = server && catalogue.apiByIndicator.get(server.identifier());
      const user = api && (await people.active(tenant.id, accountId));
      const about = user ? claimsForApi(api, user, await people.authority(tenant.id, user)) : {};
      const signIn = expiresWithSession ? { sid: sessionUid } : { fid: sessionUid };
      return { ...about, tenant: tenant.id, gid: grantId, ...signIn };
    },
    formats: { customizers: { jwt: stampJwt } },
    loadExistingGrant: (ctx) => loadGrant(ctx, { catalogue, clients, grants }),
    // Tokens end by family (adapter.ts); what the user allowed the application stays allowed until it is withdrawn.
    revokeGrantPolicy: () => false,
    issueRefreshToken: async (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') && source.scopes.has('offline_access'),
    rotateRefreshToken: true,
    clientBasedCORS: (_ctx, origin, client) => mayCallFrom(clients.known(client.clientId), origin),
    interactions: {
      policy: interactionPolicy.base(),
      url: (ctx, interaction) => pages.interactionUrl(ctx, interaction),
    },
    renderError: pages.error,
    ttl: {
      AccessToken: accessTokenTtl,
      ClientCredentials: accessTokenTtl,
      AuthorizationCode: config.lifetimes.authorizationCode,
      DeviceCode: config.lifetimes.deviceCode,
      Grant: config.lifetimes.grant,
      IdToken: config.lifetimes.idToken,
      Interaction: config.lifetimes.interaction,
      Session: config.lifetimes.session,
      RefreshToken: (_ctx, token, { clientId }) =>
        refreshTokenTtl(token.iiat, clients.known(clientId), config),
    },
  };

  const provider = new Provider(tenant.issuer, configuration);
  // The app in front has put the tenant's own origin and the checked client address into the forwarded headers.
  provider.proxy = true;
  secureClients(provider, { tenantId: tenant.id, vault: base.vault, artifacts, clients });
  registerPasswordGrant(provider, {
    tenantId: tenant.id,
    people,
    audit: base.audit,
    catalogue,
    clients,
    grants,
    resourceServer,
  });
  const jwtStatus: JwtStatusBase = {
    tenantId: tenant.id,
    revocations,
    mayIntrospect,
    isActive: async (userKey) => (await people.active(tenant.id, userKey)) !== undefined,
  };
  provider.use(around(documents, jwtStatus));
  logProblems(provider, base.log, tenant);
  return provider;
}

/** What happens to every request before and after the library answers it, in one step. */
const around =
  (documents: PublishedDocuments, jwtStatus: JwtStatusBase) =>
  async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    const { path } = ctx;
    if (path === ROUTES.code_verification) prefillUserCode(ctx);
    await next();
    await answerForJwt(ctx, jwtStatus);
    CORRECTIONS.get(path)?.(ctx);
    if (documentPath(path) === path) documents.keep(ctx);
    noteFacts(ctx);
  };

/** Tells the request's log line which client it was, and how it ended. */
function noteFacts(ctx: KoaContextWithOIDC): void {
  const facts = factsOf(ctx.req);
  const client = (ctx.oidc as typeof ctx.oidc | undefined)?.client;
  if (client) facts.clientId = client.clientId;
  const error = (ctx.body as { error?: unknown } | undefined)?.error;
  if (typeof error === 'string') facts.outcome = error;
}

/** The library tells clients little on purpose; the log has the reason. */
function logProblems(provider: Provider, log: Log, tenant: Tenant): void {
  const refused = (ctx: KoaContextWithOIDC, error: errors.OIDCProviderError): void => {
    const facts = factsOf(ctx.req);
    facts.outcome = error.error;
    log.debug(
      { tenant: tenant.name, requestId: facts.requestId, error: facts.outcome, detail: error.error_detail },
      'refused',
    );
  };
  provider.on('authorization.error', refused);
  provider.on('grant.error', refused);
  provider.on('server_error', (ctx: KoaContextWithOIDC, err: Error) => {
    const facts = factsOf(ctx.req);
    facts.outcome = 'server_error';
    log.error({ err, tenant: tenant.name, requestId: facts.requestId, path: ctx.path }, 'provider error');
  });
}

/** Seconds that a refresh token lives: until it has lain idle for too long, or its sign-in is too old. */
function refreshTokenTtl(
  firstIssuedAt: number | undefined,
  { settings }: Client,
  { lifetimes }: Pick<Config, 'lifetimes'>,
): number {
  const age = Math.floor(Date.now() / 1000) - (firstIssuedAt ?? 0);
  const idle = Math.min(settings.refreshTokenIdle ?? Infinity, lifetimes.refreshTokenIdle);
  const absolute = Math.min(settings.refreshTokenAbsolute ?? Infinity, lifetimes.refreshTokenAbsolute);
  return Math.max(1, Math.min(idle, absolute - age));
}
