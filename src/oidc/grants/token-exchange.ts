import { errors, type KoaContextWithOIDC, type Provider } from '../library/index.js';
import type { ApiResource } from '../../api-resources/index.js';
import { GRANT_TYPES, type Client } from '../../clients/index.js';
import { factsOf } from '../../kernel/request.js';
import type { Audit } from '../../observe/index.js';
import type { Revocations } from '../../revocations/index.js';
import type { Catalogue } from '../catalogue.js';
import type { ClientCache } from '../client-cache.js';
import type { Artifacts } from '../artifacts.js';
import {
  derivedFrom,
  isTooDeep,
  tokenIdOf,
  type ActorToken,
  type Derived,
  type SourceToken,
} from '../derived-token.js';
import { liveAccessToken, type Token } from '../introspection.js';
import { kidOf } from '../jwt-access-token.js';
import { printable, scopesAt } from '../scopes.js';
import type { ResourceServerOf, TokenPolicy } from '../token-policy.js';
import { allow, type ExistingGrants } from './existing.js';
import { senderOf } from './sender.js';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';

export interface TokenExchangeBase {
  tenantId: string;
  audit: Audit;
  artifacts: Artifacts;
  catalogue: Catalogue;
  clients: ClientCache;
  grants: ExistingGrants;
  resourceServer: ResourceServerOf;
  revocations: Revocations;
  scopesNow: TokenPolicy['scopesNow'];
  mayIntrospect: TokenPolicy['mayIntrospect'];
  /** Whether the user may sign in. */
  isActive(userKey: string): Promise<boolean>;
}

interface Params {
  subject_token?: string;
  subject_token_type?: string;
  actor_token?: string;
  actor_token_type?: string;
  requested_token_type?: string;
  resource?: string;
  audience?: string;
  scope?: string;
}

/** Who acts for the subject (RFC 8693, 4.1). */
type Act = Record<string, unknown>;

/** A user's access token. */
type SubjectToken = Token & { accountId: string; clientId: string; grantId: string; exp: number };

const exchanged = new WeakMap<object, Derived>();

/** The claims of a token that is being issued by exchange, which tell what it was derived from. */
export const derivedClaims = (token: object): Derived | undefined => exchanged.get(token);

const refuse = (why: string): never => {
  throw new errors.InvalidRequest(why);
};

/**
 * Token exchange (RFC 8693). A service that got a user's token asks for one of its own to go on with: as the user
 * (impersonation), or, with an actor token, as itself for the user (delegation). It never gets more scope, another
 * audience or a longer life than the subject token has now, and what it gets is revoked together with the grant, session,
 * family, client and user of the subject token, and of the actor token.
 */
export function registerTokenExchange(provider: Provider, base: TokenExchangeBase): void {
  provider.registerGrantType<Params>(GRANT_TYPES.tokenExchange, (ctx) => exchange(ctx, provider, base), [
    'subject_token',
    'subject_token_type',
    'actor_token',
    'actor_token_type',
    'requested_token_type',
    'resource',
    'audience',
    'scope',
  ]);
}

async function exchange(ctx: KoaContextWithOIDC, provider: Provider, base: TokenExchangeBase): Promise<void> {
  const params = ctx.oidc.params as Params;
  const client = ctx.oidc.client as NonNullable<typeof ctx.oidc.client>;
  if (![undefined, ACCESS_TOKEN, JWT].includes(params.requested_token_type))
    refuse(`requested_token_type can only be ${ACCESS_TOKEN}`);
  const sender = await senderOf(provider, ctx);
  // The result carries the generation with which the request began (`beginAsClient`), not that of a token, each of which is of
  // another user or client: a later revocation ends it, and one from before, which the tokens have survived, does not concern it.
  const subject = await subjectOf(provider, base, params, base.clients.known(client));
  const acting = await actingToken(provider, base, params, client.clientId);
  const api = base.catalogue.apiByAudience.get(subject.aud);
  if (!api) return refuse('the subject token is for no API of this tenant');
  for (const named of [params.resource, params.audience])
    if (named !== undefined && named !== api.indicator && named !== api.audience)
      throw new errors.InvalidTarget('the subject token is for another audience, and so is what it gives');
  for (const [name, token] of Object.entries({ subject, actor: acting }))
    if (!sender.constrained && (token?.jkt ?? token?.['x5t#S256']) !== undefined)
      refuse(
        `the ${name} token is bound to a key; send a DPoP proof, so that what it gives is bound as well`,
      );
  const scope = scopesOf(
    await currentScopes(subject, api, base),
    params.scope,
    base.clients.known(client).settings.scopes,
  );

  const grant = await base.grants.implied(provider, subject.accountId, client.clientId);
  await allow(
    grant,
    scope.filter((word) => base.catalogue.identity.has(word)),
    { indicator: api.indicator, scopes: scope },
  );
  ctx.oidc.entity('Grant', grant);
  const server = new provider.ResourceServer(
    api.indicator,
    base.resourceServer(client, api.indicator, scope.join(' ')),
  );
  const left = subject.exp - Math.floor(Date.now() / 1000);
  const token = new provider.AccessToken({
    accountId: subject.accountId,
    client,
    grantId: grant.jti,
    gty: 'token_exchange',
    scope: scope.join(' '),
    sessionUid: subject.sessionUid,
    expiresIn: Math.max(1, Math.min(left, server.accessTokenTTL ?? left)),
  });
  token.resourceServer = server;
  sender.bind(token);
  const actor = acting && { sub: acting.accountId ?? client.clientId, client_id: client.clientId };
  const actorSource = acting && actor && { ...acting, id: tokenIdOf(params.actor_token ?? ''), act: actor };
  exchanged.set(
    token,
    derivedClaimsOf({ ...subject, id: tokenIdOf(params.subject_token ?? '') }, actorSource),
  );
  ctx.oidc.entity('AccessToken', token);
  const accessToken = await token.save();
  await note(ctx, base, subject, actor, scope);
  ctx.body = {
    access_token: accessToken,
    issued_token_type: ACCESS_TOKEN,
    token_type: token.tokenType,
    expires_in: token.expiration,
    scope: scope.join(' '),
  };
}

/** The user's token that is exchanged. @throws InvalidRequest when it does not work or is none of this client's business. */
async function subjectOf(
  provider: Provider,
  base: TokenExchangeBase,
  { subject_token: value, subject_token_type: type }: Params,
  client: Client,
): Promise<SubjectToken> {
  if (!value || !type) return refuse("missing required parameter(s) 'subject_token', 'subject_token_type'");
  if (type !== ACCESS_TOKEN && type !== JWT) return refuse(`subject_token_type can only be ${ACCESS_TOKEN}`);
  const token = await workingToken(provider, base, value);
  const works =
    token?.kind === 'AccessToken' && base.mayIntrospect(client, { clientId: token.clientId, aud: token.aud });
  if (!works) return refuse('the subject token is not valid here');
  return token as SubjectToken;
}

/**
 * An access token that works now, of a user who may sign in where it is a user's, and of a key that is not revoked, which
 * this node may not have seen yet.
 */
async function workingToken(
  provider: Provider,
  base: TokenExchangeBase,
  value: string,
): Promise<Token | undefined> {
  const token = await liveAccessToken(provider, value, base);
  const ofNobody = token?.kind === 'AccessToken' && !(await base.isActive(token.accountId ?? ''));
  const kid = token && kidOf(value);
  const ofGoodKey =
    kid === undefined || (await base.revocations.generationUnder(base.tenantId, kid)) !== undefined;
  return ofNobody || !ofGoodKey ? undefined : token;
}

/**
 * The token of who acts, which has to be this client's own, or a user's that was issued to this client, and has to work as
 * the subject token has.
 */
async function actingToken(
  provider: Provider,
  base: TokenExchangeBase,
  { actor_token: value, actor_token_type: type }: Params,
  clientId: string,
): Promise<Token | undefined> {
  if (value === undefined && type === undefined) return undefined;
  if (!value || (type !== ACCESS_TOKEN && type !== JWT))
    return refuse(`actor_token comes with actor_token_type, which can only be ${ACCESS_TOKEN}`);
  const token = await workingToken(provider, base, value);
  if (token?.clientId !== clientId) return refuse('the actor token is not a valid one of this client');
  return token;
}

/** The scopes of the subject token that its own client, those of the tokens behind it, and the API still have. */
async function currentScopes(
  subject: SubjectToken,
  api: ApiResource,
  { clients, catalogue, scopesNow }: TokenExchangeBase,
): Promise<string[]> {
  const owner = await clients.get(subject.clientId);
  const still = new Set(owner && scopesAt(catalogue, api, owner));
  const words = await scopesNow(subject);
  return words.filter((word) => word !== 'offline_access' && still.has(word));
}

/** What was asked for, or all that both the subject token and the client have. @throws InvalidScope */
function scopesOf(had: string[], asked: string | undefined, allowed: string[]): string[] {
  const wanted = asked?.split(' ').filter(Boolean) ?? had.filter((word) => allowed.includes(word));
  for (const word of wanted) {
    if (!had.includes(word))
      throw new errors.InvalidScope('the subject token does not have the scope', printable(word));
    if (!allowed.includes(word))
      throw new errors.InvalidScope('requested scope is not allowed', printable(word));
  }
  if (wanted.length === 0)
    throw new errors.InvalidScope('the client may have none of the subject token’s scopes', '');
  return [...new Set(wanted)];
}

function derivedClaimsOf(subject: SourceToken, actor: ActorToken | undefined): Derived {
  const derived = derivedFrom(subject, actor);
  if (isTooDeep(derived)) return refuse('the token has been exchanged too often');
  return derived;
}

const note = (
  ctx: KoaContextWithOIDC,
  { tenantId, audit }: TokenExchangeBase,
  subject: SubjectToken,
  actor: Act | undefined,
  scope: string[],
): Promise<void> =>
  audit(tenantId, {
    event: 'grant.token_exchange',
    result: 'success',
    actor: typeof actor?.['sub'] === 'string' ? actor['sub'] : ctx.oidc.client?.clientId,
    clientId: ctx.oidc.client?.clientId,
    target: subject.accountId,
    address: ctx.ip,
    requestId: factsOf(ctx.req).requestId,
    detail: { kind: actor ? 'delegation' : 'impersonation', from: subject.clientId, scope },
  });
