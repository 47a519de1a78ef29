import type { Context } from 'koa';
import { formOf, type Step } from '../../kernel/forms.js';
import { pickLocale, type Locale } from '../../kernel/pages.js';
import { factsOf } from '../../kernel/request.js';
import { tenantTransaction } from '../../store/index.js';
import { passChallenge, type Purpose, type Target } from '../../verification/index.js';
import type { OidcBase } from '../provider.js';
import { flowOf, text } from './steps.js';

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
    ctx.redirect(to.href);
    ctx.status = 303;
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
