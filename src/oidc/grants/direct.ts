import { randomUUID } from 'node:crypto';
import { errors, type Grant, type KoaContextWithOIDC, type Provider } from '../library/index.js';
import { Busy, Invalid } from '../../kernel/errors.js';
import { factsOf } from '../../kernel/request.js';
import type { Client } from '../../clients/index.js';
import type { Limits } from '../../limits/index.js';
import type { Audit } from '../../observe/index.js';
import type { People, SignIn, User } from '../../users/index.js';
import type { Catalogue } from '../catalogue.js';
import { accountOf } from '../claims.js';
import { tooManyRequests } from '../client-authentication.js';
import type { ClientCache } from '../client-cache.js';
import type { ResourceServerOf } from '../token-policy.js';
import { askedScopes, type AskedScopes } from '../scopes.js';
import { allow, type ExistingGrants } from './existing.js';
import { senderOf, type Sender } from './sender.js';

export interface DirectGrantBase {
  tenantId: string;
  limits: Limits;
  people: People;
  audit: Audit;
  catalogue: Catalogue;
  clients: ClientCache;
  grants: ExistingGrants;
  resourceServer: ResourceServerOf;
}

/** How a person is recognised at the token endpoint, where there is no page and no consent. */
export interface Way<P> {
  grantType: string;
  /** What the grant is called in tokens and in the audit (`grant.<name>`). */
  name: string;
  amr: readonly string[];
  params: readonly (keyof P & string)[];
  /** @throws errors.InvalidRequest where the request lacks something, Invalid, Busy */
  recognise(params: P, address: string): Promise<SignIn>;
}

interface Common {
  scope?: string;
  resource?: string;
}

/** The gateway to 503 in the provider's error words; the header tells when to come back. */
function tooBusy(ctx: KoaContextWithOIDC, busy: Busy): Error {
  ctx.set('Retry-After', String(busy.retryAfter));
  return Object.assign(new errors.TemporarilyUnavailable(busy.message), { status: 503, statusCode: 503 });
}

/**
 * Registers a grant whose request itself proves who the person is. A client must be given such a grant explicitly, and
 * every failure has the same words and takes the same time.
 */
export function registerDirectGrant<P extends object>(
  provider: Provider,
  base: DirectGrantBase,
  way: Way<P>,
): void {
  provider.registerGrantType<P & Common>(
    way.grantType,
    async (ctx) => {
      const params = ctx.oidc.params as P & Common;
      const client = base.clients.known(ctx.oidc.client);
      const sender = await senderOf(provider, ctx);
      countSignIn(ctx, base, client);
      const asked = askedScopes(base.catalogue, client, params.scope, params.resource, true);
      const user = await signIn(ctx, base, way, params);
      const grant = await base.grants.implied(provider, user.userKey, client.clientId);
      const oidcScopes = asked.scope.filter((word) => base.catalogue.identity.has(word));
      await allow(grant, oidcScopes, asked.api && { indicator: asked.api.indicator, scopes: asked.scope });
      ctx.oidc.entity('Grant', grant);
      ctx.oidc.entity('Account', accountOf(base.people, base.tenantId, user));
      ctx.body = await issue(ctx, provider, base, way, { user, grant, asked, sender });
    },
    [...way.params, 'scope', 'resource'],
  );
}

/**
 * Counts the request as a sign-in. A public client has no number of its own: its name is no secret, so anybody could use
 * the number up, or hide behind it.
 */
function countSignIn(ctx: KoaContextWithOIDC, { limits, tenantId }: DirectGrantBase, client: Client): void {
  const { signInRate: rate, tokenEndpointAuthMethod } = client.settings;
  const own =
    rate === undefined || tokenEndpointAuthMethod === 'none'
      ? undefined
      : { clientId: client.clientId, rate };
  const refusal = limits.directSignIn(tenantId, factsOf(ctx.req).address, own);
  if (refusal) throw tooManyRequests(ctx, refusal);
}

async function signIn<P extends object>(
  ctx: KoaContextWithOIDC,
  base: DirectGrantBase,
  way: Way<P>,
  params: P,
): Promise<User> {
  const outcome = await way.recognise(params, ctx.ip).catch((error: unknown) => {
    if (error instanceof Invalid) throw new errors.InvalidRequest(`${error.key} ${error.message}`);
    throw error instanceof Busy ? tooBusy(ctx, error) : error;
  });
  const refused = 'refused' in outcome;
  await base.audit(base.tenantId, {
    event: `grant.${way.name}`,
    result: refused ? 'failure' : 'success',
    actor: refused ? outcome.account : outcome.user.userKey,
    clientId: ctx.oidc.client?.clientId,
    address: ctx.ip,
    requestId: factsOf(ctx.req).requestId,
    detail: refused ? { reason: outcome.refused } : {},
  });
  if (refused) throw new errors.InvalidGrant(`sign-in refused: ${outcome.refused}`);
  return outcome.user;
}

/** The token response (RFC 6749, 5.1), with a refresh token and an ID token where the scopes ask for them. */
async function issue(
  ctx: KoaContextWithOIDC,
  provider: Provider,
  base: DirectGrantBase,
  { name, amr }: Pick<Way<object>, 'name' | 'amr'>,
  { user, grant, asked, sender }: { user: User; grant: Grant; asked: AskedScopes; sender: Sender },
): Promise<Record<string, unknown>> {
  const { scope, api } = asked;
  const client = ctx.oidc.client as NonNullable<typeof ctx.oidc.client>;
  const common = {
    accountId: user.userKey,
    client,
    grantId: grant.jti,
    gty: name,
    scope: scope.join(' '),
    sessionUid: randomUUID(), // there is no session; this keeps the sign-in's tokens together as a family
  };
  const authTime = Math.floor(Date.now() / 1000);
  const token = new provider.AccessToken(common);
  if (api)
    token.resourceServer = new provider.ResourceServer(
      api.indicator,
      base.resourceServer(client, api.indicator, common.scope),
    );
  sender.bind(token);
  ctx.oidc.entity('AccessToken', token);
  const accessToken = await token.save();
  let refreshToken: string | undefined;
  if (scope.includes('offline_access') && client.grantTypeAllowed('refresh_token')) {
    const refresh = new provider.RefreshToken({
      ...common,
      authTime,
      amr: [...amr],
      rotations: 0,
      ...(api && { resource: api.indicator }),
    });
    sender.bindRefresh(refresh, token);
    refreshToken = await refresh.save();
  }
  let idToken: string | undefined;
  if (scope.includes('openid')) {
    const claims = await (ctx.oidc.account as NonNullable<typeof ctx.oidc.account>).claims(
      'id_token',
      'openid',
      {},
      [],
    );
    const unsigned = new provider.IdToken({ ...claims, amr: [...amr], auth_time: authTime }, { ctx });
    idToken = await Object.assign(unsigned, { scope: 'openid' }).issue({ use: 'idtoken' });
  }
  return {
    access_token: accessToken,
    expires_in: token.expiration,
    id_token: idToken,
    refresh_token: refreshToken,
    scope: scope.join(' ') || undefined,
    token_type: token.tokenType,
  };
}
