import { randomUUID } from 'node:crypto';
import { errors, type Grant, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { Busy } from '../../kernel/errors.js';
import type { Audit } from '../../observe/index.js';
import type { People, User } from '../../users/index.js';
import type { Catalogue } from '../catalogue.js';
import { accountOf } from '../claims.js';
import type { ClientCache } from '../client-cache.js';
import type { ResourceServerOf } from '../token-policy.js';
import { askedScopes, type AskedScopes } from '../scopes.js';
import { allow, type ExistingGrants } from './existing.js';
import { senderOf, type Sender } from './sender.js';

export interface PasswordGrantBase {
  tenantId: string;
  people: People;
  audit: Audit;
  catalogue: Catalogue;
  clients: ClientCache;
  grants: ExistingGrants;
  resourceServer: ResourceServerOf;
}

type Params = { username?: string; password?: string; scope?: string; resource?: string };

/** The gateway to 503 in the provider's error words; the header tells when to come back. */
export function tooBusy(ctx: KoaContextWithOIDC, busy: Busy): Error {
  ctx.set('Retry-After', String(busy.retryAfter));
  return Object.assign(new errors.TemporarilyUnavailable(busy.message), { status: 503, statusCode: 503 });
}

/**
 * The resource owner password credentials grant (RFC 6749, 4.3). OAuth 2.1 drops it, because the application sees the
 * password; it is here for clients that come from IdentityServer4, and a client must be given it explicitly.
 * Every failure has the same words and takes the same time.
 */
export function registerPasswordGrant(provider: Provider, base: PasswordGrantBase): void {
  provider.registerGrantType<Params>(
    'password',
    async (ctx) => {
      const { username, password, scope, resource } = ctx.oidc.params as Params;
      if (!username || !password)
        throw new errors.InvalidRequest("missing required parameter(s) 'username', 'password'");
      const client = base.clients.known(ctx.oidc.client.clientId);
      const asked = askedScopes(base.catalogue, client, scope, resource, true);
      const sender = await senderOf(provider, ctx);
      const user = await signIn(ctx, base, username, password);
      const grant =
        (await base.grants.find(provider, user.userKey, client.clientId)) ??
        new provider.Grant({ accountId: user.userKey, clientId: client.clientId });
      const oidcScopes = asked.scope.filter((word) => base.catalogue.identity.has(word));
      await allow(grant, oidcScopes, asked.api && { indicator: asked.api.indicator, scopes: asked.scope });
      ctx.oidc.entity('Grant', grant);
      ctx.oidc.entity('Account', accountOf(base.people, base.tenantId, user));
      ctx.body = await issue(ctx, provider, base, { user, grant, asked, sender });
    },
    ['username', 'password', 'scope', 'resource'],
  );
}

async function signIn(
  ctx: KoaContextWithOIDC,
  base: PasswordGrantBase,
  username: string,
  password: string,
): Promise<User> {
  const clientId = ctx.oidc.client?.clientId;
  const outcome = await base.people
    .signIn(base.tenantId, username, password, ctx.ip)
    .catch((error: unknown) => {
      throw error instanceof Busy ? tooBusy(ctx, error) : error;
    });
  const refused = 'refused' in outcome;
  await base.audit(base.tenantId, {
    event: 'grant.password',
    result: refused ? 'failure' : 'success',
    actor: refused ? outcome.account : outcome.user.userKey,
    clientId,
    address: ctx.ip,
    requestId: ctx.get('x-request-id'),
    detail: refused ? { reason: outcome.refused } : {},
  });
  if (refused) throw new errors.InvalidGrant(`sign-in refused: ${outcome.refused}`);
  return outcome.user;
}

/** The token response (RFC 6749, 5.1), with a refresh token and an ID token where the scopes ask for them. */
async function issue(
  ctx: KoaContextWithOIDC,
  provider: Provider,
  base: PasswordGrantBase,
  { user, grant, asked, sender }: { user: User; grant: Grant; asked: AskedScopes; sender: Sender },
): Promise<Record<string, unknown>> {
  const { scope, api } = asked;
  const client = ctx.oidc.client as NonNullable<typeof ctx.oidc.client>;
  const common = {
    accountId: user.userKey,
    client,
    grantId: grant.jti,
    gty: 'password',
    scope: scope.join(' '),
    sessionUid: randomUUID(), // there is no session; this keeps the sign-in's tokens together as a family
  };
  const authTime = Math.floor(Date.now() / 1000);
  const token = new provider.AccessToken(common);
  if (api)
    token.resourceServer = new provider.ResourceServer(
      api.indicator,
      base.resourceServer(client.clientId, api.indicator, common.scope),
    );
  sender.bind(token);
  ctx.oidc.entity('AccessToken', token);
  const accessToken = await token.save();
  let refreshToken: string | undefined;
  if (scope.includes('offline_access') && client.grantTypeAllowed('refresh_token')) {
    const refresh = new provider.RefreshToken({
      ...common,
      authTime,
      amr: ['pwd'],
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
    const unsigned = new provider.IdToken({ ...claims, amr: ['pwd'], auth_time: authTime }, { ctx });
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
