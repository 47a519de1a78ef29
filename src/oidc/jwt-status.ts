import type { Client } from '../clients/index.js';
import type { ClientCache } from './client-cache.js';
import { decodeJwt } from 'jose';
import { errors, type KoaContextWithOIDC, type Provider } from './library/index.js';
import type { AccessTokenClaims } from './jwt-access-token.js';
import type { TokenPolicy } from './token-policy.js';

const SIGNED_ANSWER = 'application/token-introspection+jwt';

/** What introspection and revocation of JWTs stand on. */
export interface JwtStatusBase {
  tenantId: string;
  /** Revokes one access token, by its id, and what was derived from it. */
  revokeToken: TokenPolicy['revokeToken'];
  clients: Pick<ClientCache, 'known'>;
  /** Whether a client may introspect a token: its own, or one for the API that it serves. */
  mayIntrospect: TokenPolicy['mayIntrospect'];
  /** What is said of a token, as it is now. */
  asOfNow: TokenPolicy['asOfNow'];
  /** Whether the user may sign in. */
  isActive(userKey: string): Promise<boolean>;
}

/**
 * The library refuses to introspect and to revoke JWTs. By then it has authenticated the client and read the
 * parameters, so its refusal is where this begins: the answer that an opaque token would have got.
 */
export async function answerForJwt(ctx: KoaContextWithOIDC, base: JwtStatusBase): Promise<void> {
  const { error } = (ctx.body ?? {}) as { error?: string };
  if (ctx.status !== 400 || error !== 'unsupported_token_type') return;
  const jwt = ctx.oidc.params?.['token'] as string;
  if (ctx.oidc.route === 'introspection') await introspect(ctx, base, jwt);
  else if (ctx.oidc.route === 'revocation') await revoke(ctx, base, jwt);
}

async function introspect(ctx: KoaContextWithOIDC, base: JwtStatusBase, jwt: string): Promise<void> {
  const client = ctx.oidc.client as NonNullable<typeof ctx.oidc.client>;
  const seen = await statusOfJwt(ctx.oidc.provider, base.clients.known(client), jwt, base);
  ctx.status = 200;
  if (client['introspectionSignedResponseAlg'] && ctx.accepts('json', SIGNED_ANSWER) === SIGNED_ANSWER) {
    const answer = new ctx.oidc.provider.IdToken({}, { ctx });
    Object.assign(answer, { extra: { token_introspection: seen, aud: seen.aud } });
    ctx.body = await answer.issue({ use: 'introspection' });
    ctx.type = `${SIGNED_ANSWER}; charset=utf-8`;
  } else ctx.body = seen;
}

/** What introspection says of a JWT to a client (RFC 7662, 2.2). */
export async function statusOfJwt(
  provider: Provider,
  client: Client,
  jwt: string,
  base: Pick<JwtStatusBase, 'mayIntrospect' | 'isActive' | 'asOfNow'>,
): Promise<{ active: boolean; [claim: string]: unknown }> {
  const claims = await live(provider, jwt, base);
  if (!claims || !base.mayIntrospect(client, { clientId: claims.client_id, aud: claims.aud }))
    return { active: false };
  const tokenType = claims.cnf?.jkt === undefined ? 'Bearer' : 'DPoP';
  return { ...(await base.asOfNow(claims)), active: true, token_type: tokenType };
}

/** The claims of a token that works: the adapter has checked it, and nothing that it hangs on has ended. */
export async function live(
  provider: Provider,
  jwt: string,
  { isActive }: Pick<JwtStatusBase, 'isActive'>,
): Promise<AccessTokenClaims | undefined> {
  const claims = await checked(provider, jwt);
  if (claims?.gid === undefined) return claims;
  const grant = await provider.Grant.find(claims.gid);
  if (grant?.clientId !== claims.client_id || grant.accountId !== claims.sub) return undefined;
  return (await isActive(claims.sub)) ? claims : undefined;
}

/** The claims of a token that is ours, valid and not revoked, of a session that has not ended. */
async function checked(provider: Provider, jwt: string): Promise<AccessTokenClaims | undefined> {
  const claims = decode(jwt);
  const token =
    claims?.gid === undefined
      ? await provider.ClientCredentials.find(jwt)
      : await provider.AccessToken.find(jwt);
  return token && claims;
}

function decode(jwt: string): AccessTokenClaims | undefined {
  try {
    return decodeJwt<AccessTokenClaims>(jwt);
  } catch {
    return undefined; // a header alone decodes; what comes after it may be anything
  }
}

async function revoke(ctx: KoaContextWithOIDC, { revokeToken }: JwtStatusBase, jwt: string): Promise<void> {
  const claims = await checked(ctx.oidc.provider, jwt);
  if (claims && claims.client_id !== ctx.oidc.client?.clientId) {
    const { statusCode, error, error_description: description } = notTheClients();
    ctx.status = statusCode;
    ctx.body = { error, error_description: description };
    return;
  }
  // RFC 7009, 2.2: a token that does not work is answered like one that was revoked.
  if (claims?.jti !== undefined) await revokeToken(claims.jti, claims.exp * 1000);
  ctx.status = 200;
  ctx.body = '';
}

/** Only the client that a token was issued to can revoke it; any other gets an error (RFC 7009, 2.1). */
const notTheClients = (): errors.OIDCProviderError =>
  new errors.UnauthorizedClient('the token was issued to another client, and only that client can revoke it');

/** Whether the client may revoke a token that the library has found. @throws UnauthorizedClient for another client's */
export function mayRevoke(client: { clientId: string }, token: { clientId?: string | undefined }): true {
  if (token.clientId === client.clientId) return true;
  throw notTheClients();
}
