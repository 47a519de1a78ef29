import {
  Provider,
  interactionPolicy,
  type Configuration,
  type KoaContextWithOIDC,
  type errors,
} from './library/index.js';
import type { EventEmitter } from 'node:events';
import type { Config } from '../config.js';
import type { Outbox } from '../jobs/index.js';
import { mayCallFrom } from '../clients/index.js';
import { isSafeName } from '../kernel/claim-names.js';
import { hostCookie, pathCookie } from '../kernel/cookies.js';
import { StoreUnavailable } from '../kernel/errors.js';
import { keepHeadersOfErrors } from '../kernel/kept-headers.js';
import { fetchWithin } from '../kernel/outbound.js';
import { factsOf, hasLeft } from '../kernel/request.js';
import type { Limits } from '../limits/index.js';
import type { Audit, Log } from '../observe/index.js';
import { reachOfTenant } from '../outbound-reach.js';
import type { Revocations } from '../revocations/index.js';
import type { Store, Vault } from '../store/index.js';
import type { Tenant } from '../tenants/index.js';
import type { Messenger } from '../messaging/index.js';
import type { CodeSender, Passwords, People } from '../users/index.js';
import type { Codes } from '../verification/index.js';
import { adapterFactory } from './adapter.js';
import { keepAnonymousSessionsOut } from './anonymous-sessions.js';
import { around } from './around.js';
import type { Artifacts } from './artifacts.js';
import type { Catalogue } from './catalogue.js';
import { accountOf } from './claims.js';
import { assertAudience, CLIENT_SIGNING_ALGS, countClient, secureClients } from './client-authentication.js';
import type { ClientCache, LibraryClient } from './client-cache.js';
import type { FetchedKeysCache } from './client-keys.js';
import { DPOP_ALGS } from './dpop-proofs.js';
import { correctSessions } from './corrections.js';
import { existingGrants, keepGrantFields } from './grants/existing.js';
import { loadGrant } from './grants/load.js';
import { registerDirectGrant } from './grants/direct.js';
import { byMobileCode } from './grants/mobile-code.js';
import { byPassword } from './grants/password.js';
import { refreshAnswers } from './grants/refresh-again.js';
import { registerTokenExchange } from './grants/token-exchange.js';
import type { BrowserBinding } from './interactions/binding.js';
import { checkHintThroughout } from './interactions/id-token-hint.js';
import { oidcPages, type OidcPages } from './interactions/pages.js';
import { RECOGNISED } from './interactions/steps.js';
import { jwtStamp } from './jwt-access-token.js';
import { mayRevoke } from './jwt-status.js';
import type { KeyRing } from './keys/index.js';
import { queueBackChannelLogout } from './logout/back-channel.js';
import { decideScopes, indicatorNow, requireSame } from './requested-scope.js';
import { ROUTES } from './routes.js';
import { senderConstraints } from './sender-constraints.js';
import type { TokenPolicy } from './token-policy.js';
import type { PublishedDocuments } from './well-known.js';

/** What every tenant's provider shares. */
export interface OidcBase {
  config: Config;
  store: Store;
  vault: Vault;
  artifacts: Artifacts;
  revocations: Revocations;
  outbox: Outbox;
  limits: Limits;
  people: People;
  passwords: Passwords;
  codes: Codes;
  sender: CodeSender;
  messenger: Messenger;
  audit: Audit;
  log: Log;
}

/** What one tenant's provider is made of. */
export interface TenantParts {
  tenant: Tenant;
  keys: KeyRing;
  cookieKey: string;
  /** Where DPoP nonces come from: 32 bytes, the same on every node. */
  dpopSecret: Buffer;
  catalogue: Catalogue;
  clients: ClientCache;
  /** Outlives the provider: what clients’ keys are does not change with the tenant. */
  fetchedKeys: FetchedKeysCache;
  documents: PublishedDocuments;
  policy: TokenPolicy;
  binding: BrowserBinding;
}

/** What every ID token says of the sign-in itself. */
const ABOUT_SIGN_IN = ['auth_time', 'acr', 'amr'];

const LARGEST_JWKS = 64 * 1024;

export function buildProvider(base: OidcBase, parts: TenantParts): Provider {
  const { tenant, keys, catalogue, clients, documents, policy } = parts;
  const { people, artifacts, config, vault, audit } = base;
  const pages = oidcPages(tenant);
  const secure = tenant.issuer.startsWith('https:');
  const grants = existingGrants(
    (accountId, clientId, origin) => artifacts.grantOf(tenant.id, accountId, clientId, origin),
    config.lifetimes.grant,
  );
  const answers = refreshAnswers(
    tenant.id,
    artifacts,
    (client) => clients.known(client).settings.refreshTokenReuseWindow ?? 0,
  );

  const configuration: Configuration = {
    adapter: adapterFactory({
      ...policy,
      tenantId: tenant.id,
      catalogue,
      vault,
      artifacts,
      answers,
    }),
    jwks: { keys: keys.signing },
    routes: ROUTES,
    cookies: {
      names: {
        session: hostCookie(secure, 'gatehouse'),
        interaction: pathCookie(secure, 'gatehouse_interaction'),
        resume: pathCookie(secure, 'gatehouse_resume'),
      },
      long: { httpOnly: true, sameSite: 'lax', secure },
      short: { httpOnly: true, sameSite: 'lax', secure },
      keys: [parts.cookieKey],
    },
    scopes: [...catalogue.identity.keys()],
    claims: Object.fromEntries(
      [...catalogue.identity].map(([name, { userClaims }]) => [
        name,
        // The library takes an object with one of the other names for no object at all, and the scope opens nothing.
        (name === 'openid' ? [...userClaims, ...ABOUT_SIGN_IN] : userClaims).filter(isSafeName),
      ]),
    ),
    acrValues: Object.values(RECOGNISED).map(({ acr }) => acr),
    discovery: { prompt_values_supported: promptsOf(tenant) },
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
      dPoPSigningAlgValues: [...DPOP_ALGS],
    },
    assertJwtClientAuthClaimsAndHeader: assertAudience(tenant.issuer, (ctx, clientId) =>
      countClient(ctx, base.limits, tenant.id, clientId),
    ),
    // Keys of clients, and logout tokens to them.
    fetch: (url, options) => fetchWithin(reachOfTenant(config, tenant), url, options),
    fetchResponseBodyLimits: { jwks_uri: LARGEST_JWKS },
    pkce: { required: (_ctx, client) => clients.known(client).settings.requirePkce ?? true },
    features: featuresOf(pages, parts, policy, config),
    async findAccount(_ctx, sub) {
      const user = await people.active(tenant.id, sub);
      return user && accountOf(people, tenant.id, user);
    },
    extraTokenClaims: policy.extraClaims,
    formats: { customizers: { jwt: jwtStamp(policy.generation) } },
    loadExistingGrant: (ctx) => loadGrant(ctx, { catalogue, clients, grants }),
    // Tokens end by family (adapter.ts); what the user allowed the application stays allowed until it is withdrawn.
    revokeGrantPolicy: () => false,
    issueRefreshToken: async (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') && source.scopes.has('offline_access'),
    rotateRefreshToken: true,
    clientBasedCORS: (_ctx, origin, client) => mayCallFrom(clients.known(client), origin),
    interactions: {
      policy: interactionPrompts(tenant),
      url: (ctx, interaction) => pages.interactionUrl(ctx, interaction),
    },
    renderError: pages.error,
    ttl: policy.ttl,
  };

  const provider = new Provider(tenant.issuer, configuration);
  // The app in front has put the tenant's own origin and the checked client address into the forwarded headers.
  provider.proxy = true;
  const { limits } = base;
  const { fetchedKeys } = parts;
  secureClients(provider, {
    ...{ tenantId: tenant.id, vault, artifacts, clients, fetchedKeys, limits },
    ...{ revocations: base.revocations, generation: policy.generation },
  });
  correctSessions(provider);
  keepHeadersOfErrors(provider);
  keepGrantFields(provider);
  keepAnonymousSessionsOut(provider);
  parts.binding.guard(provider);
  queueBackChannelLogout(provider, tenant.id, base.outbox);
  const { resourceServer } = policy;
  const grantBase = {
    ...policy,
    tenantId: tenant.id,
    audit,
    artifacts,
    catalogue,
    clients,
    grants,
    resourceServer,
    revocations: base.revocations,
  };
  const directBase = { ...grantBase, people, limits: base.limits };
  registerDirectGrant(provider, directBase, byPassword(people, tenant.id));
  registerDirectGrant(provider, directBase, byMobileCode(people, tenant.id));
  registerTokenExchange(provider, grantBase);
  provider.use(around(provider, { ...base, ...policy, tenant, documents, answers, catalogue, clients }));
  logProblems(provider, base.log, tenant);
  return provider;
}

const promptsOf = ({ registrationOpen }: Tenant): string[] => [
  ...['none', 'login', 'consent'],
  ...(registrationOpen ? ['create'] : []),
];

/**
 * The library's prompts, and `create` (Initiating User Registration 1.0): the person is to register first, where people may.
 */
function interactionPrompts({ registrationOpen }: Tenant): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  checkHintThroughout(policy);
  if (registrationOpen) policy.add(new interactionPolicy.Prompt({ name: 'create', requestable: true }), 0);
  return policy;
}

function featuresOf(
  pages: OidcPages,
  { catalogue, clients, dpopSecret }: TenantParts,
  { mayIntrospect, resourceServer, grantedResource, ownWords }: TokenPolicy,
  config: Config,
): NonNullable<Configuration['features']> {
  const decide = (ctx: KoaContextWithOIDC, client: LibraryClient): Promise<void> =>
    decideScopes(ctx, { catalogue, ownWords }, clients.known(client));
  return {
    devInteractions: { enabled: false },
    ...senderConstraints(config, dpopSecret),
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
        mayIntrospect(clients.known(client), {
          clientId: token.clientId,
          aud: 'aud' in token ? token.aud : undefined,
        }),
    },
    jwtIntrospection: { enabled: true },
    revocation: {
      enabled: true,
      allowedPolicy: (_ctx, client, token) => mayRevoke(client, token),
    },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: pages.signOut,
      postLogoutSuccessSource: pages.signedOut,
    },
    backchannelLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      async defaultResource(ctx, client, oneOf) {
        if (oneOf) return oneOf;
        await decide(ctx, client);
        return ctx.oidc.params?.['resource'] as string | undefined;
      },
      async getResourceServerInfo(ctx, indicator, client) {
        await decide(ctx, client);
        const { resource, scope } = (ctx.oidc.params ?? {}) as { resource?: unknown; scope?: string };
        if (resource === undefined)
          return grantedResource(client, indicatorNow(ctx, catalogue, indicator), scope);
        requireSame(ctx, catalogue, indicator);
        return resourceServer(client, indicator, scope);
      },
    },
  };
}

/** Whose errors the library tells of, by its names of what it does. */
const FAILING = [
  'grant',
  ...Object.keys(ROUTES),
  'device_resume',
  'end_session_confirm',
  'end_session_success',
];

const BROKEN_CONNECTION = new Set(['ERR_HTTP_REQUEST_TIMEOUT', 'ECONNRESET', 'ECONNABORTED', 'EPIPE']);

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
  // Koa prints what it is not listened to about; a connection that broke is nobody's fault.
  (provider as EventEmitter).on('error', (err: NodeJS.ErrnoException, ctx?: KoaContextWithOIDC) => {
    if (BROKEN_CONNECTION.has(err.code ?? '')) return;
    const level = ctx && hasLeft(ctx.req) ? 'info' : 'error';
    log[level]({ err, tenant: tenant.name, requestId: ctx && factsOf(ctx.req).requestId }, 'unexpected');
  });
  // The library tells of an error of the store as of any that the caller may know; it is no refusal.
  const unavailable = (ctx: KoaContextWithOIDC, err: unknown): void => {
    if (!(err instanceof StoreUnavailable)) return;
    const facts = factsOf(ctx.req);
    facts.unavailable = err;
    log.error({ err, tenant: tenant.name, requestId: facts.requestId, path: ctx.path }, 'provider error');
  };
  for (const name of FAILING) (provider as EventEmitter).on(`${name}.error`, unavailable);
  provider.on('authorization.error', refused);
  provider.on('grant.error', refused);
  provider.on('server_error', (ctx: KoaContextWithOIDC, err: Error) => {
    const facts = factsOf(ctx.req);
    facts.outcome = 'server_error';
    const level = hasLeft(ctx.req) ? 'info' : 'error';
    log[level]({ err, tenant: tenant.name, requestId: facts.requestId, path: ctx.path }, 'provider error');
  });
}
