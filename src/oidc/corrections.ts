import type { KoaContextWithOIDC, Provider, Session } from 'oidc-provider';
import { ROUTES } from './routes.js';

/** Changes to the library's answers, by path, where they are not what clients and the specifications expect. */
export const CORRECTIONS = new Map<string, (ctx: KoaContextWithOIDC) => void>([
  [
    // oidc-client-ts refuses revocation's empty answer when it comes with a content type.
    ROUTES.revocation,
    (ctx) => {
      if (ctx.status === 200) ctx.remove('Content-Type');
    },
  ],
  [
    // RFC 6749, 5.2 has an error of its own for a grant that the client was not given; the library says invalid_request.
    ROUTES.token,
    (ctx) => {
      const body = ctx.body as { error_description?: string } | undefined;
      if (body?.error_description === 'requested grant type is not allowed for this client')
        ctx.body = { ...body, error: 'unauthorized_client' };
    },
  ],
]);

/** The library fails where a request that it refuses has touched a session that was never saved; there is nothing to save. */
export function correctSessions(provider: Provider): void {
  const prototype = provider.Session.prototype;
  const persist = prototype.persist;
  prototype.persist = async function saveIfSaved(this: Session): Promise<string> {
    return typeof this.exp === 'number' ? persist.call(this) : '';
  };
}

/** RFC 8628, 3.3.1: a code that came in the link is shown for the person to compare, not sent on by itself. */
export function prefillUserCode(ctx: KoaContextWithOIDC): void {
  const given = ctx.query['user_code'];
  if (ctx.method !== 'GET' || typeof given !== 'string') return;
  ctx.state['userCode'] = given.slice(0, 20);
  ctx.query = {};
}
