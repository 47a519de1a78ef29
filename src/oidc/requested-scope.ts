import { decodeJwt } from 'jose';
import { errors, type KoaContextWithOIDC } from './library/index.js';
import { DOCS_CLIENT_ID, type Client } from '../clients/index.js';
import type { Catalogue } from './catalogue.js';
import { isForAnother } from './grants/taken-scopes.js';
import { askedScopes, isAboutUser, printable } from './scopes.js';
import type { ResourceServerOf, TokenPolicy } from './token-policy.js';

const BEGINS_HERE = new Set(['authorization', 'pushed_authorization_request', 'device_authorization']);

/** Requests whose scopes have been decided; the library asks about a resource more than once. */
const decided = new WeakSet<object>();

/** Whether this is the request that names the scopes, rather than one that goes on with what was decided before. */
function namesScopes(ctx: KoaContextWithOIDC): boolean {
  if (BEGINS_HERE.has(ctx.oidc.route)) return true;
  return ctx.oidc.route === 'token' && ctx.oidc.params?.['grant_type'] === 'client_credentials';
}

/**
 * The scope as the client sent it. The library has taken `offline_access` out by now where `prompt=consent` is missing;
 * here the client's registration and the user's consent decide about it (OIDC Core 11, "other conditions").
 */
function sentScope(ctx: KoaContextWithOIDC): string | undefined {
  const parameters = ctx.method === 'POST' ? ctx.oidc.body : ctx.query;
  // `trusted` is set where the library has verified a request object. At other endpoints `request` is no parameter at all.
  const signed = ctx.oidc.trusted === undefined ? undefined : parameters?.['request'];
  const object = ctx.oidc.entities.PushedAuthorizationRequest?.request ?? signed;
  const sent = typeof object === 'string' ? decodeJwt(object)['scope'] : parameters?.['scope'];
  return typeof sent === 'string' ? sent : undefined;
}

/**
 * The client as it acts for itself: with the scopes that its owner lets it have now.
 * @throws InvalidScope where it asks for another (RFC 6749, 5.2); by default it gets fewer (3.3)
 */
async function actingForItself(
  client: Client,
  sent: string | undefined,
  ownWords: TokenPolicy['ownWords'],
): Promise<Client> {
  const { scopes, defaultScopes } = client.settings;
  const own = await ownWords(client, scopes);
  if (own === scopes) return client;
  const isOwn = (word: string): boolean => own.includes(word);
  const withheld = sent?.split(' ').find((word) => scopes.includes(word) && !isOwn(word));
  if (withheld !== undefined)
    throw new errors.InvalidScope('the owner of the client does not hold the scope', printable(withheld));
  const less = { scopes: [...own], ...(defaultScopes && { defaultScopes: defaultScopes.filter(isOwn) }) };
  return { ...client, settings: { ...client.settings, ...less } };
}

/** Decides what the request asks for, once, and writes it where the library reads it. */
export async function decideScopes(
  ctx: KoaContextWithOIDC,
  { catalogue, ownWords }: { catalogue: Catalogue; ownWords: TokenPolicy['ownWords'] },
  client: Client,
): Promise<void> {
  if (decided.has(ctx) || !namesScopes(ctx)) return;
  decided.add(ctx);
  const params = ctx.oidc.params as Record<string, unknown>;
  const { resource } = params;
  if (Array.isArray(resource) && resource.length > 1)
    throw new errors.InvalidTarget('a token is for one API; send one resource parameter');
  const indicator = Array.isArray(resource)
    ? (resource[0] as string | undefined)
    : (resource as string | undefined);
  const aboutUser = isAboutUser(params['grant_type'] as string | undefined);
  const sent = sentScope(ctx);
  const holder = aboutUser ? client : await actingForItself(client, sent, ownWords);
  const { scope, api } = askedScopes(catalogue, holder, sent, indicator, aboutUser);
  // Said before the sign-in: it would end in a refusal, because this client gets nothing by default.
  if (scope.length === 0 && client.clientId === DOCS_CLIENT_ID)
    throw new errors.InvalidScope('tick at least one scope', '');
  params['scope'] = scope.join(' ') || undefined;
  params['resource'] = api?.indicator;
}

/** The grant of the code, the device code or the refresh token that the request redeems. */
const redeemed = ({ oidc }: KoaContextWithOIDC) => (oidc.route === 'token' ? oidc.entities.Grant : undefined);

/**
 * Refuses an API that is named, and is not the one of its name that the code or the refresh token is for.
 * @throws InvalidTarget
 */
export function requireSame(ctx: KoaContextWithOIDC, catalogue: Catalogue, indicator: string): void {
  const grant = redeemed(ctx);
  if (grant && isForAnother(grant, catalogue, indicator)) throw new errors.InvalidTarget();
}

/**
 * The indicator of the API that a code or a refresh token is for; undefined where the API is gone, though another may have its
 * indicator now.
 */
export function indicatorNow(
  ctx: KoaContextWithOIDC,
  catalogue: Catalogue,
  indicator: string,
): string | undefined {
  const grant = redeemed(ctx);
  if (!grant) return indicator;
  if (catalogue.apiByIndicator.has(indicator) && !isForAnother(grant, catalogue, indicator)) return indicator;
  // The library takes the scopes of the token from what the grant has by the indicator. It does not write the grant here.
  if (!grant.resources?.[indicator]) grant.addResourceScope(indicator, grant.getOIDCScope());
  return undefined;
}

/**
 * Refuses a refresh that names an API which it gets no token for. The library does so once the refresh token is replaced, and
 * the client, which never learns of the new one, would lose its sign-in by asking again with the old one.
 * @throws InvalidTarget
 */
export function checkNamedTarget(
  ctx: KoaContextWithOIDC,
  { catalogue, resourceServer }: { catalogue: Catalogue; resourceServer: ResourceServerOf },
): void {
  const { resource } = ctx.oidc.params ?? {};
  const { RefreshToken: token, Client: client } = ctx.oidc.entities;
  if (resource === undefined || !token || !client) return;
  if (typeof resource !== 'string' || !token.resourceIndicators.has(resource))
    throw new errors.InvalidTarget();
  requireSame(ctx, catalogue, resource);
  resourceServer(client, resource);
}
