import type Router from '@koa/router';
import { formOf } from '../kernel/forms.js';
import { renderPage } from '../kernel/pages.js';
import { accessOf, attempt, lookOf, type OidcBase } from '../oidc/index.js';
import { tenantDb, type TenantDb } from '../store/index.js';
import { eraseUser, lockUser, personalDataOf, queueNotice } from '../users/index.js';
import { localeOf, visitOf, type Visits } from './visits.js';

/** `/account/data`: taking one's data along, and leaving. */
export function dataRoutes(router: Router, base: OidcBase, visits: Visits): void {
  const access = accessOf(base.config);

  router.get('/account/data', visits.fresh, async (ctx) => visits.page(ctx, 'data'));

  router.post('/account/data', visits.fresh, visits.checkCsrf, async (ctx) => {
    const { runtime, user } = visitOf(ctx);
    const db = tenantDb(base.store.knex, runtime.tenant.id);
    const data = await personalDataOf(db, user, access);
    await visits.change(ctx, 'download', async () => undefined);
    ctx.set({
      'Content-Disposition': 'attachment; filename="account.json"',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    });
    ctx.type = 'application/json';
    ctx.body = `${JSON.stringify(data, null, 2)}\n`;
  });

  router.post('/account/data/delete', visits.fresh, visits.checkCsrf, async (ctx) => {
    const { runtime, user } = visitOf(ctx);
    if (formOf(ctx).text('sure') !== 'yes') {
      ctx.status = 422;
      return visits.page(ctx, 'data', { problem: 'account.not_sure' });
    }
    return attempt(
      ctx,
      async () => {
        const leave = async (db: TenantDb): Promise<void> => {
          const leaving = await lockUser(db, user.id);
          await queueNotice(db, base.vault, leaving, 'account_deleted', localeOf(ctx));
          await access.forget(db, leaving.userKey);
          await eraseUser(db, leaving);
        };
        await visits.change(ctx, 'delete', leave, { large: true, takesRights: true });
        renderPage(ctx, 'account-deleted', { look: lookOf(runtime.tenant) });
      },
      async ({ words }) => visits.page(ctx, 'data', { problem: words }),
    );
  });
}
