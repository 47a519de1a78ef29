import type { KoaContextWithOIDC } from 'oidc-provider';
import { ROUTES } from './routes.js';

type Step = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;

/** oidc-client-ts refuses revocation's empty answer when it comes with a content type. */
const withoutEmptyContentType: Step = async (ctx, next) => {
  await next();
  if (ctx.path === ROUTES.revocation && ctx.status === 200) ctx.remove('Content-Type');
};

/** RFC 6749, 5.2 has an error of its own for a grant that the client was not given; the library says invalid_request. */
const unauthorizedClient: Step = async (ctx, next) => {
  await next();
  const body = ctx.body as { error?: string; error_description?: string } | undefined;
  if (ctx.path === ROUTES.token && body?.error_description === 'requested grant type is not allowed for this client')
    ctx.body = { ...body, error: 'unauthorized_client' };
};

/** RFC 8628, 3.3.1: a code that came in the link is shown for the person to compare, not sent on by itself. */
const prefillUserCode: Step = async (ctx, next) => {
  const given = ctx.query['user_code'];
  if (ctx.method === 'GET' && ctx.path === ROUTES.code_verification && typeof given === 'string') {
    ctx.state['userCode'] = given.slice(0, 20);
    ctx.query = {};
  }
  await next();
};

/** Where the library's answer is not what clients and the specifications expect. */
export const CORRECTIONS: readonly Step[] = [withoutEmptyContentType, unauthorizedClient, prefillUserCode];
