import type Router from '@koa/router';
import type { Context } from 'koa';
import { formOf, type Step, seeOther } from '../../kernel/forms.js';
import { pickLocale, type Locale } from '../../kernel/pages.js';
import { factsOf } from '../../kernel/request.js';
import { tenantTransaction } from '../../store/index.js';
import { passChallenge, typedTarget, type Purpose, type Target } from '../../verification/index.js';
import type { OidcBase } from '../provider.js';
import { attempt, mayStillCome, type Problem } from './problems.js';
import { flowOf, text, type Steps } from './steps.js';

/** The language of what a person is sent: that of the pages. */
export const localeOf = (ctx: Context): Locale =>
  pickLocale(ctx, text(flowOf(ctx).interaction.params['ui_locales']));

/**
 * Where codes are asked for. If the configuration wants a challenge solved first, the person is led to its page, which
 * leads back with `challenge` in the address.
 */
export const challenged =
  ({ config }: OidcBase): Step =>
  (ctx, next) => {
    const page = config.codes.challenge?.page;
    if (page === undefined || text(ctx.query['challenge']) !== undefined) return next();
    const to = new URL(page);
    to.searchParams.set('return_to', new URL(ctx.url, flowOf(ctx).runtime.tenant.issuer).href);
    seeOther(ctx, to.href);
    return undefined;
  };

/** Sends codes to all of these, or to none. @throws NoCodeNow, Invalid */
export async function sendCodes(
  base: OidcBase,
  ctx: Context,
  targets: readonly Target[],
  purpose: Purpose,
): Promise<void> {
  const { address } = factsOf(ctx.req);
  await passChallenge(base.config.codes, formOf(ctx).text('challenge') || undefined, address);
  await tenantTransaction(base.store, flowOf(ctx).runtime.tenant.id, async (db) => {
    for (const target of targets)
      await base.sender.request(db, { target, purpose, address, locale: localeOf(ctx) });
  });
}

/**
 * The step that asks where a code for `purpose` is to go, at `path`, and leads on to where it is entered.
 * @returns the page that asks.
 */
export function askForCode(
  router: Router,
  base: OidcBase,
  steps: Steps,
  {
    path,
    view,
    purpose,
    enter,
  }: {
    path: `/${string}`;
    view: string;
    purpose: Purpose;
    enter(ctx: Context, to: string, problem?: Problem): Promise<void>;
  },
): (ctx: Context, problem?: Problem) => Promise<void> {
  const ask = (ctx: Context, problem?: Problem): Promise<void> =>
    steps.page(ctx, view, {
      problem: problem?.words,
      login: formOf(ctx).text('login') || formOf(ctx).text('to'),
      challenge: text(ctx.query['challenge']) ?? '',
    });

  router.get(path, challenged(base), (ctx) => ask(ctx));

  router.post(path, steps.checkCsrf, steps.counted('open', ask), (ctx) => {
    const typed = formOf(ctx).text('login');
    return attempt(
      ctx,
      async () => {
        const target = typedTarget(typed, base.config.codes.countryCode);
        await sendCodes(base, ctx, [target], purpose);
        return enter(ctx, target.address);
      },
      (problem) => (mayStillCome(problem) ? enter(ctx, typed, problem) : ask(ctx, problem)),
    );
  });
  return ask;
}
