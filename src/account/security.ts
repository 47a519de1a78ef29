import type Router from '@koa/router';
import type { Context } from 'koa';
import { formOf, seeOther } from '../kernel/forms.js';
import { factsOf } from '../kernel/request.js';
import { reachOf } from '../messaging/index.js';
import { attempt, mayStillCome, type OidcBase, type Problem } from '../oidc/index.js';
import { tenantDb, tenantTransaction } from '../store/index.js';
import { admitContact, admitPassword, changeContact, changePassword, findUserById } from '../users/index.js';
import { mailTarget, phoneTarget, type Target } from '../verification/index.js';
import { localeOf, visitOf, type Visits } from './visits.js';

/** `/account/security`: what people sign in with. Each change asks for a fresh sign-in first. */
export function securityRoutes(router: Router, base: OidcBase, visits: Visits): void {
  const { countryCode } = base.config.codes;

  router.get('/account/security', async (ctx) => {
    const { runtime } = visitOf(ctx);
    const reach = await reachOf(base.messenger, runtime.tenant.id);
    const saved = ['email', 'phone'].find((what) => ctx.query['saved'] === what);
    visits.page(ctx, 'security', { reach, notice: saved && `account.${saved}_changed` });
  });

  contactRoutes('email', mailTarget);
  contactRoutes('phone', (typed) => phoneTarget(typed, countryCode));
  passwordRoutes();

  /** Another number or address: a code to the new one, a notice to the old one. */
  function contactRoutes(what: 'email' | 'phone', targetOf: (typed: string) => Target): void {
    const path = `/account/${what}`;
    const ask = async (ctx: Context, problem?: Problem): Promise<void> =>
      visits.page(ctx, 'contact', { what, problem: problem?.words, typed: formOf(ctx).text('to') });
    const confirm = async (ctx: Context, to: string, problem?: Problem): Promise<void> =>
      visits.page(ctx, 'contact-code', { what, to, problem: problem?.words });

    router.get(path, visits.fresh, (ctx) => ask(ctx));

    router.post(path, visits.fresh, visits.checkCsrf, visits.counted('open', ask), (ctx) => {
      const typed = formOf(ctx).text('to');
      return attempt(
        ctx,
        async () => {
          const { runtime, user } = visitOf(ctx);
          const target = targetOf(typed);
          await tenantTransaction(base.store, runtime.tenant.id, (db) =>
            base.sender.request(db, {
              target,
              purpose: 'change',
              subject: user.userKey,
              address: factsOf(ctx.req).address,
              locale: localeOf(ctx),
            }),
          );
          return confirm(ctx, target.address);
        },
        (problem) => (mayStillCome(problem) ? confirm(ctx, typed, problem) : ask(ctx, problem)),
      );
    });

    router.post(`${path}/confirm`, visits.fresh, visits.checkCsrf, visits.counted('open', ask), (ctx) => {
      const to = formOf(ctx).text('to');
      return attempt(
        ctx,
        async () => {
          const { runtime, user } = visitOf(ctx);
          const proof = { target: targetOf(to), code: formOf(ctx).text('code') };
          const shown = await admitContact(base, runtime.tenant.id, user, proof);
          await visits.change(ctx, what, (db) => changeContact(db, base, user, shown, localeOf(ctx)));
          seeOther(ctx, `/account/security?saved=${what}`);
        },
        (problem) => confirm(ctx, to, problem),
      );
    });
  }

  function passwordRoutes(): void {
    async function ask(ctx: Context, problem?: Problem): Promise<void> {
      const { runtime, user } = visitOf(ctx);
      const { passwordHash } = await findUserById(tenantDb(base.store.knex, runtime.tenant.id), user.id);
      visits.page(ctx, 'password', {
        hasPassword: passwordHash !== null,
        problem: problem?.words,
        field: problem?.field,
      });
    }

    router.get('/account/password', visits.fresh, (ctx) => ask(ctx));

    router.post('/account/password', visits.fresh, visits.checkCsrf, visits.counted('signIn', ask), (ctx) =>
      attempt(
        ctx,
        async () => {
          const { runtime, user } = visitOf(ctx);
          const given = { current: formOf(ctx).text('current'), password: formOf(ctx).text('password') };
          const db = tenantDb(base.store.knex, runtime.tenant.id);
          const seen = { address: factsOf(ctx.req).address, tenantName: runtime.tenant.name };
          const hash = await admitPassword(base, db, user, given, seen);
          await visits.change(ctx, 'password', (inside) =>
            changePassword(inside, base, user, hash, localeOf(ctx)),
          );
          // Every session has ended, this one with them.
          visits.signIn(ctx, '/account/security');
        },
        (problem) => ask(ctx, problem),
      ),
    );
  }
}
