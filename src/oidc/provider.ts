import {
  Provider,
  interactionPolicy,
  errors,
  type Configuration,
  type KoaContextWithOIDC,
  type ResourceServer,
} from 'oidc-provider';
import type { Config } from '../config.js';
import { matchesSecret } from '../clients/index.js';
import { factsOf } from '../kernel/request.js';
import type { Audit, Log } from '../observe/index.js';
import type { Store, Vault } from '../store/index.js';
import type { Tenant } from '../tenants/index.js';
import type { People } from '../users/index.js';
import { adapterFactory } from './adapter.js';
import type { Artifacts } from './artifacts.js';
import type { Catalogue } from './catalogue.js';
import { accountOf, claimsForApi } from './claims.js';
import type { ClientCache } from './client-cache.js';
import { mayCallFrom } from './client-metadata.js';
import { CORRECTIONS, prefillUserCode } from './corrections.js';
import { existingGrants } from './grants/existing.js';
import { loadGrant } from './grants/load.js';
import { registerPasswordGrant } from './grants/password.js';
import { oidcPages } from './interactions/pages.js';
import { asStoredToken, verifyAccessToken } from './jwt-access-token.js';
import type { KeyRing } from './keys.js';
import { decideScopes } from './requested-scope.js';
import { ROUTES } from './routes.js';
import { scopesAt } from './scopes.js';
import { documentPath, type PublishedDocuments } from './well-known.js';

/** What every tenant's provider shares. */
export interface OidcBase {
  config: Config;
  store: Store;
  vault: Vault;
  artifacts: Artifacts;
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
  catalogue: Catalogue;
  clients: ClientCache;
  documents: PublishedDocuments;
}

export function buildProvider(base: OidcBase, parts: TenantParts): Provider {
  const { tenant, keys, catalogue, clients, documents } = parts;
  const { people, artifacts, config } = base;
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
      accessTokenTTL:
        client.settings.accessTokenLifetime ?? api.accessTokenLifetime ?? config.lifetimes.accessToken,
      jwt: { sign: { alg: api.signingAlg as 'ES256' } },
    };
  };

  const accessTokenTtl = (_ctx: unknown, token: { resourceServer?: ResourceServer | undefined }): number =>
    token.resourceServer?.accessTokenTTL ?? config.lifetimes.accessToken;

  const configuration: Configuration = {
    adapter: adapterFactory({
      tenantId: tenant.id,
      vault: base.vault,
      artifacts,
      clientMetadata: (clientId) => clients.metadata(clientId),
      async readJwtAccessToken(jwt) {
        const claims = await verifyAccessToken(keys, tenant.issuer, jwt);
        return claims && asStoredToken(jwt, claims);
      },
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
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256'] },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
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
        // A token's own client, or a confidential one that serves the API that the token is for.
        allowedPolicy: (_ctx, client, token) =>
          token.clientId === client.clientId ||
          (client.clientAuthMethod !== 'none' &&
            catalogue.apis.some(
              ({ name, audience }) =>
                'aud' in token &&
                audience === token.aud &&
                clients.known(client.clientId).settings.resources.includes(name),
            )),
      },
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
        resourceServer: server,
      } = token as typeof token & { resourceServer?: { identifier(): string } };
      const api = server && catalogue.apiByIndicator.get(server.identifier());
      const user = api && (await people.active(tenant.id, accountId));
      const about = user ? claimsForApi(api, user, await people.authority(tenant.id, user)) : {};
      return { ...about, tenant: tenant.id, gid: grantId };
    },
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
      RefreshToken(_ctx, token) {
        const age = Math.floor(Date.now() / 1000) - (token.iiat ?? 0);
        return Math.max(
          1,
          Math.min(config.lifetimes.refreshTokenIdle, config.lifetimes.refreshTokenAbsolute - age),
        );
      },
    },
  };

  const provider = new Provider(tenant.issuer, configuration);
  // The app in front has put the tenant's own origin and the checked client address into the forwarded headers.
  provider.proxy = true;
  provider.Client.prototype.compareClientSecret = function compareClientSecret(
    this: { clientId: string },
    presented: string,
  ) {
    return matchesSecret(base.vault, clients.known(this.clientId).secrets, presented, Date.now());
  };
  clients.keepValidated(provider.Client);
  registerPasswordGrant(provider, {
    tenantId: tenant.id,
    people,
    audit: base.audit,
    catalogue,
    clients,
    grants,
    resourceServer,
  });
  provider.use(around(documents));
  logProblems(provider, base.log, tenant);
  return provider;
}

/** What happens to every request before and after the library answers it, in one step. */
const around =
  (documents: PublishedDocuments) =>
  async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    const { path } = ctx;
    if (path === ROUTES.code_verification) prefillUserCode(ctx);
    await next();
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
