import type Router from '@koa/router';
import type { Context } from 'koa';
import { formOf } from '../../kernel/forms.js';
import { auditIn } from '../../observe/index.js';
import { tenantTransaction } from '../../store/index.js';
import { admitReset, resetPassword } from '../../users/index.js';
import { typedTarget } from '../../verification/index.js';
import type { OidcBase } from '../provider.js';
import { attempt, type Problem } from './problems.js';
import { askForCode, localeOf } from './sending.js';
import { showSignIn } from './sign-in.js';
import { flowOf, seenFrom, type Steps } from './steps.js';

/** A new password for who has forgotten it, with a code that was sent to the telephone or by mail. */
export function recoverRoutes(router: Router, base: OidcBase, steps: Steps): void {
  const enter = (ctx: Context, to: string, problem?: Problem): Promise<void> =>
    steps.page(ctx, 'reset', {
      to,
      problem: problem?.words,
      field: problem?.field === 'password' ? 'password' : 'code',
      code: formOf(ctx).text('code'),
    });

  const ask = askForCode(router, base, steps, { path: '/forgot', view: 'forgot', purpose: 'reset', enter });

  router.post('/reset', steps.checkCsrf, steps.counted('open', ask), (ctx) => {
    const form = formOf(ctx);
    const to = form.text('to');
    return attempt(
      ctx,
      async () => {
        const { tenant } = flowOf(ctx).runtime;
        const target = typedTarget(to, base.config.codes.countryCode);
        const proof = { target, code: form.text('code'), password: form.text('password') };
        const reset = await admitReset(base, tenant, proof);
        await tenantTransaction(base.store, tenant.id, async (db) => {
          const user = await resetPassword(db, base, reset, localeOf(ctx));
          const event = { event: 'user.resetpassword', result: 'success', actor: user.userKey } as const;
          await auditIn(db, { ...event, ...seenFrom(ctx), target: user.id, detail: {} });
        });
        return showSignIn(ctx, steps, { notice: 'reset.done', login: to });
      },
      (problem) => enter(ctx, to, problem),
    );
  });
}
