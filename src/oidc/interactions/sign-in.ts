import type Router from '@koa/router';
import type { Context } from 'koa';
import { formOf } from '../../kernel/forms.js';
import { factsOf } from '../../kernel/request.js';
import type { SignIn } from '../../users/index.js';
import { typedTarget } from '../../verification/index.js';
import type { OidcBase } from '../provider.js';
import { attempt, type Problem } from './problems.js';
import { askForCode } from './sending.js';
import { flowOf, RECOGNISED, seenFrom, text, type Steps } from './steps.js';

/** What the sign-in page says besides its form. */
interface Said {
  problem?: string;
  notice?: string;
  login?: string;
}

export async function showSignIn(
  ctx: Context,
  steps: Steps,
  { problem, notice, login }: Said = {},
): Promise<void> {
  const reach = await steps.reach(ctx);
  return steps.page(ctx, 'sign-in', {
    problem,
    notice,
    login: login ?? text(flowOf(ctx).interaction.params['login_hint']) ?? '',
    byCode: reach.sms || reach.mail,
    registers: flowOf(ctx).runtime.tenant.registrationOpen,
  });
}

/** Signing in with a password, or with a code that is sent to the telephone or by mail. */
export function signInRoutes(router: Router, base: OidcBase, steps: Steps): void {
  const again = (ctx: Context, { words }: Problem): Promise<void> =>
    showSignIn(ctx, steps, { problem: words, login: formOf(ctx).text('login') });
  const enterCode = (ctx: Context, to: string, problem?: Problem): Promise<void> =>
    steps.page(ctx, 'code-enter', { to, problem: problem?.words });

  /** Goes on with who was recognised, or says that it failed, whyever. */
  async function settle(
    ctx: Context,
    outcome: SignIn,
    how: keyof typeof RECOGNISED,
    refuse: () => Promise<void>,
  ): Promise<void> {
    const refused = 'refused' in outcome;
    await base.audit(flowOf(ctx).runtime.tenant.id, {
      event: `sign_in.${how}`,
      result: refused ? 'failure' : 'success',
      actor: refused ? outcome.account : outcome.user.userKey,
      ...seenFrom(ctx),
      detail: refused ? { reason: outcome.refused } : {},
    });
    if (!refused) return steps.recognised(ctx, outcome.user.userKey, RECOGNISED[how]);
    factsOf(ctx.req).outcome = 'sign_in_refused';
    ctx.status = 401;
    return refuse();
  }

  router.get('/sign-in', (ctx) => showSignIn(ctx, steps));

  router.post('/sign-in', steps.checkCsrf, steps.counted('signIn', again), (ctx) => {
    const form = formOf(ctx);
    return attempt(
      ctx,
      async () => {
        const { tenant } = flowOf(ctx).runtime;
        const { address } = factsOf(ctx.req);
        const login = form.text('login');
        const outcome = await base.people.signIn(tenant.id, login, form.text('password'), address);
        return settle(ctx, outcome, 'password', () =>
          showSignIn(ctx, steps, { problem: 'sign_in.wrong', login }),
        );
      },
      (problem) => again(ctx, problem),
    );
  });

  const askCode = askForCode(router, base, steps, {
    path: '/code',
    view: 'code-request',
    purpose: 'login',
    enter: enterCode,
  });

  router.post('/code/sign-in', steps.checkCsrf, steps.counted('signIn', askCode), (ctx) => {
    const [to, code] = [formOf(ctx).text('to'), formOf(ctx).text('code')];
    return attempt(
      ctx,
      async () => {
        const { tenant } = flowOf(ctx).runtime;
        const target = typedTarget(to, base.config.codes.countryCode);
        const outcome = await base.people.signInByCode(tenant.id, { target, code }, factsOf(ctx.req).address);
        const wrong: Problem = { words: 'problem.code', status: 401, outcome: 'wrong_code', field: 'code' };
        return settle(ctx, outcome, 'code', () => enterCode(ctx, to, wrong));
      },
      (problem) => askCode(ctx, problem),
    );
  });
}
