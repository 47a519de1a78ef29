import { parse } from '../kernel/json.js';
import Router from '@koa/router';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { Context } from 'koa';
import type * as OpenidClient from 'openid-client';
import { DEMO_CLIENT_ID } from '../clients/index.js';
import { hostCookie } from '../kernel/cookies.js';
import { seeOther } from '../kernel/forms.js';
import { renderPage } from '../kernel/pages.js';
import { DEMO_CALLBACK, DEMO_SCOPES, lookOf, type TenantRuntime } from '../oidc/index.js';

const SCOPE = DEMO_SCOPES.join(' ');
const FIVE_MINUTES_MS = 300_000;

type Client = typeof OpenidClient;
/** Not before somebody tries the demo. */
const load = (): Promise<Client> => import('openid-client');

/** What has to outlive the trip to the sign-in page. */
interface Trip {
  state: string;
  nonce: string;
  codeVerifier: string;
}

/** A relying party of the server's own: sign in with code and PKCE through openid-client, and look at the tokens. */
export function demoRoutes(runtimeOf: (ctx: Context) => TenantRuntime): Router {
  const router = new Router({ sensitive: true });
  const configured = (client: Client, issuer: string): Promise<OpenidClient.Configuration> =>
    client.discovery(new URL(issuer), DEMO_CLIENT_ID, undefined, client.None(), {
      execute: issuer.startsWith('http:') ? [client.allowInsecureRequests] : [],
    });

  const cookieOf = (ctx: Context): string => hostCookie(runtimeOf(ctx).secure, 'gatehouse_demo');
  const show = (ctx: Context, data: Record<string, unknown> = {}): void =>
    renderPage(ctx, 'demo', { look: lookOf(runtimeOf(ctx).tenant), data: { scope: SCOPE, ...data } });

  async function start(ctx: Context): Promise<void> {
    const { issuer } = runtimeOf(ctx).tenant;
    const client = await load();
    const trip: Trip = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      codeVerifier: client.randomPKCECodeVerifier(),
    };
    const cookie = Buffer.from(JSON.stringify(trip)).toString('base64url');
    ctx.cookies.set(cookieOf(ctx), cookie, {
      httpOnly: true,
      sameSite: 'lax',
      maxAge: FIVE_MINUTES_MS,
    });
    const to = client.buildAuthorizationUrl(await configured(client, issuer), {
      redirect_uri: issuer + DEMO_CALLBACK,
      scope: SCOPE,
      state: trip.state,
      nonce: trip.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(trip.codeVerifier),
      code_challenge_method: 'S256',
    });
    seeOther(ctx, to.href);
  }

  async function callback(ctx: Context): Promise<void> {
    const { issuer } = runtimeOf(ctx).tenant;
    const cookie = ctx.cookies.get(cookieOf(ctx), { signed: false });
    if (!cookie) return show(ctx, { problem: 'demo.stale' });
    ctx.cookies.set(cookieOf(ctx), null);
    const client = await load();
    const config = await configured(client, issuer);
    try {
      const trip = parse<Trip>(Buffer.from(cookie, 'base64url').toString());
      const tokens = await client.authorizationCodeGrant(config, new URL(ctx.originalUrl, issuer), {
        pkceCodeVerifier: trip.codeVerifier,
        expectedState: trip.state,
        expectedNonce: trip.nonce,
      });
      const subject = tokens.claims()?.sub as string;
      const userinfo = await client.fetchUserInfo(config, tokens.access_token, subject);
      const out = client.buildEndSessionUrl(config, {
        id_token_hint: tokens.id_token as string,
        post_logout_redirect_uri: `${issuer}/demo`,
      });
      return show(ctx, { parts: describe(tokens, userinfo), signOut: out.href });
    } catch (error) {
      if (error instanceof client.AuthorizationResponseError)
        return show(ctx, {
          problem: error.error === 'access_denied' ? 'demo.cancelled' : 'demo.failed',
          detail: error.error,
        });
      ctx.status = 400;
      return show(ctx, { problem: 'demo.failed', detail: (error as { code?: string }).code ?? 'error' });
    }
  }

  router.get('/demo', (ctx) => show(ctx));
  router.get('/demo/sign-in', start);
  router.get('/sign-in', (ctx) => ctx.redirect('/demo/sign-in'));
  router.get(DEMO_CALLBACK, callback);
  return router;
}

/** The tokens opened up, in the order that people ask about them. */
function describe(
  tokens: OpenidClient.TokenEndpointResponse,
  userinfo: OpenidClient.UserInfoResponse,
): { title: string; text: string }[] {
  const pretty = (value: unknown): string => JSON.stringify(value, null, 2);
  const open = (jwt: string): string =>
    pretty({ header: decodeProtectedHeader(jwt), claims: decodeJwt(jwt) });
  return [
    { title: 'demo.id_token', text: open(tokens.id_token as string) },
    { title: 'demo.access_token', text: open(tokens.access_token) },
    { title: 'demo.userinfo', text: pretty(userinfo) },
    {
      title: 'demo.response',
      text: pretty({
        token_type: tokens.token_type,
        expires_in: tokens.expires_in,
        scope: tokens.scope,
        refresh_token: tokens.refresh_token ? '…' : undefined,
      }),
    },
  ];
}
