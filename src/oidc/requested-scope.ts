import { decodeJwt } from 'jose';
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { DOCS_CLIENT_ID, type Client } from '../clients/index.js';
import type { Catalogue } from './catalogue.js';
import { askedScopes, isAboutUser } from './scopes.js';

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
  const object = ctx.oidc.entities.PushedAuthorizationRequest?.request ?? parameters?.['request'];
  const sent = typeof object === 'string' ? decodeJwt(object)['scope'] : parameters?.['scope'];
  return typeof sent === 'string' ? sent : undefined;
}

/** Decides what the request asks for, once, and writes it where the library reads it. */
export function decideScopes(ctx: KoaContextWithOIDC, catalogue: Catalogue, client: Client): void {
  if (decided.has(ctx) || !namesScopes(ctx)) return;
  decided.add(ctx);
  const params = ctx.oidc.params as Record<string, unknown>;
  const { resource } = params;
  if (Array.isArray(resource) && resource.length > 1)
    throw new errors.InvalidTarget('a token is for one API; send one resource parameter');
  const indicator = Array.isArray(resource)
    ? (resource[0] as string | undefined)
    : (resource as string | undefined);
  const { scope, api } = askedScopes(
    catalogue,
    client,
    sentScope(ctx),
    indicator,
    isAboutUser(params['grant_type'] as string | undefined),
  );
  // Said before the sign-in: it would end in a refusal, because this client gets nothing by default.
  if (scope.length === 0 && client.clientId === DOCS_CLIENT_ID)
    throw new errors.InvalidScope('tick at least one scope', '');
  params['scope'] = scope.join(' ') || undefined;
  params['resource'] = api?.indicator;
}
