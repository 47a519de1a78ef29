import type Router from '@koa/router';
import type { Context } from 'koa';
import { formOf } from '../../kernel/forms.js';
import { Invalid } from '../../kernel/errors.js';
import { factsOf } from '../../kernel/request.js';
import { tenantTransaction } from '../../store/index.js';
import { addNewcomer, admitNewcomer, readProfile } from '../../users/index.js';
import { mailTarget, phoneTarget, type Target } from '../../verification/index.js';
import type { OidcBase } from '../provider.js';
import { auditIn } from '../../observe/index.js';
import { attempt, mayStillCome, type Problem } from './problems.js';
import { challenged, sendCodes } from './sending.js';
import { showSignIn } from './sign-in.js';
import { flowOf, RECOGNISED, seenFrom, text, type Steps } from './steps.js';

/** Registering: a number, an address or both, the codes that were sent there, and a password. */
export function registerRoutes(router: Router, base: OidcBase, steps: Steps): void {
  const start = async (ctx: Context, problem?: Problem): Promise<void> => {
    const form = formOf(ctx);
    return steps.page(ctx, 'register', {
      reach: await steps.reach(ctx),
      problem: problem?.words,
      field: problem?.field,
      phone: form.text('phone'),
      email: form.text('email'),
      challenge: text(ctx.query['challenge']) ?? '',
    });
  };

  /** What was given to be reached by. @throws Invalid */
  function targetsOf(ctx: Context): { phone?: Target; email?: Target } {
    const form = formOf(ctx);
    return {
      ...(form.has('phone') && { phone: phoneTarget(form.text('phone'), base.config.codes.countryCode) }),
      ...(form.has('email') && { email: mailTarget(form.text('email')) }),
    };
  }

  const complete = (ctx: Context, problem?: Problem): Promise<void> => {
    const form = formOf(ctx);
    return steps.page(ctx, 'register-finish', {
      problem: problem?.words,
      field: problem?.field,
      phone: form.text('phone'),
      email: form.text('email'),
      phoneCode: form.text('phone_code'),
      emailCode: form.text('email_code'),
      nickName: form.text('nick_name'),
    });
  };

  /** Nothing is taken here where only administrators make accounts, whichever page was open before. */
  router.use('/register', (ctx, next) => {
    if (flowOf(ctx).runtime.tenant.registrationOpen) return next();
    factsOf(ctx.req).outcome = 'registration_closed';
    ctx.status = 403;
    return showSignIn(ctx, steps, { notice: 'register.by_administrators' });
  });

  router.get('/register', challenged(base), (ctx) => start(ctx));

  router.post('/register', steps.checkCsrf, steps.counted('open', start), (ctx) =>
    attempt(
      ctx,
      async () => {
        const { phone, email } = targetsOf(ctx);
        const targets = [phone, email].filter((target) => target !== undefined);
        if (targets.length === 0) throw new Invalid('contact', 'a number or an address is needed');
        await sendCodes(base, ctx, targets, 'register');
        return complete(ctx);
      },
      (problem) => (mayStillCome(problem) ? complete(ctx, problem) : start(ctx, problem)),
    ),
  );

  router.post('/register/finish', steps.checkCsrf, steps.counted('open', start), (ctx) =>
    attempt(
      ctx,
      async () => {
        const { tenant } = flowOf(ctx).runtime;
        const form = formOf(ctx);
        const { phone, email } = targetsOf(ctx);
        const admitted = await admitNewcomer(base, tenant, {
          phone: phone && { target: phone, code: form.text('phone_code') },
          email: email && { target: email, code: form.text('email_code') },
          password: form.text('password'),
          profile: readProfile({ nickName: form.text('nick_name') }),
        });
        const user = await tenantTransaction(base.store, tenant.id, async (db) => {
          const added = await addNewcomer(db, base, admitted);
          const event = { event: 'user.register', result: 'success', actor: added.userKey } as const;
          await auditIn(db, { ...event, ...seenFrom(ctx), target: added.id, detail: {} });
          return added;
        });
        await base.people.signedIn(tenant.id, user, factsOf(ctx.req).address);
        return steps.recognised(ctx, user.userKey, RECOGNISED.password);
      },
      (problem) => complete(ctx, problem),
    ),
  );
}
