import Router from '@koa/router';
import type { Context } from 'koa';
import { StoreUnavailable } from '../kernel/errors.js';
import { readForms, seeOther } from '../kernel/forms.js';
import {
  ACCOUNT_CALLBACK,
  answerUnavailable,
  lookOf,
  type OidcBase,
  type TenantRuntime,
} from '../oidc/index.js';
import type { BlobServices } from '../blobs/index.js';
import { accessRoutes } from './access.js';
import { avatarRoutes } from './avatar.js';
import { dataRoutes } from './data.js';
import { profileRoutes } from './profile.js';
import { securityRoutes } from './security.js';
import { pageOrStart, visits as openVisits } from './visits.js';

export type AccountBase = OidcBase & BlobServices;

/**
 * What people do with their own account, on pages. They sign in as at any application; the session is what counts here,
 * read anew with every request.
 */
export function accountRoutes(base: AccountBase, runtimeOf: (ctx: Context) => TenantRuntime): Router {
  const router = new Router({ sensitive: true });
  const visits = openVisits(base, runtimeOf);

  router.get('/register', (ctx) =>
    visits.signIn(ctx, '/account', runtimeOf(ctx).tenant.registrationOpen ? 'create' : undefined),
  );
  router.get(ACCOUNT_CALLBACK, (ctx) => {
    const { error, state } = ctx.query;
    const page = pageOrStart(String(state));
    const begun = visits.endSignIn(ctx);
    // Only of a sign-in that this browser began: a link of somebody else must not say that the server has no time.
    if (error === 'temporarily_unavailable' && begun) {
      const unavailable = new StoreUnavailable('the sign-in could not begin');
      return answerUnavailable(ctx, unavailable, lookOf(runtimeOf(ctx).tenant), page);
    }
    // A person who cancelled stays outside.
    seeOther(ctx, error === undefined || error === 'temporarily_unavailable' ? page : '/');
  });

  router.use(readForms(), visits.open);
  profileRoutes(router, visits);
  avatarRoutes(router, base, visits);
  securityRoutes(router, base, visits);
  accessRoutes(router, base, visits);
  dataRoutes(router, base, visits);
  return router;
}
