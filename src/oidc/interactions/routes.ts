import Router from '@koa/router';
import type { Context } from 'koa';
import { DOCS_CLIENT_ID } from '../../clients/index.js';
import { readForms, seeOther } from '../../kernel/forms.js';
import type { OidcBase } from '../provider.js';
import type { TenantRuntime } from '../pool.js';
import { allowAsked, scopesToShow } from './consent.js';
import { recoverRoutes } from './recover.js';
import { registerRoutes } from './register.js';
import { showSignIn, signInRoutes } from './sign-in.js';
import { flowOf, interactionSteps, seenFrom } from './steps.js';

/**
 * What happens between the library's redirects: signing in, registering, recovering, consent. Plain forms, one page a
 * step; what was said in one step comes back in the hidden fields of the next, and a code proves it, so that nothing has
 * to be kept here.
 */
export function interactionRoutes(base: OidcBase, runtimeOf: (ctx: Context) => TenantRuntime): Router {
  const router = new Router({ prefix: '/interaction/:uid', sensitive: true });
  const steps = interactionSteps(base, runtimeOf);

  async function showConsent(ctx: Context): Promise<void> {
    const { runtime, interaction } = flowOf(ctx);
    const user = await base.people.active(runtime.tenant.id, interaction.session?.accountId ?? '');
    return steps.page(ctx, 'consent', {
      ...scopesToShow(runtime.catalogue, interaction),
      user: user?.nickName ?? user?.userName,
      // `/docs` asks each time.
      ...(interaction.params['client_id'] !== DOCS_CLIENT_ID && {
        days: String(Math.round(base.config.lifetimes.grant / 86_400)),
      }),
    });
  }

  router.use(readForms(), steps.open);
  router.get('/', (ctx) => {
    const { prompt } = flowOf(ctx).interaction;
    if (prompt.name === 'consent') return showConsent(ctx);
    if (prompt.name !== 'create') return showSignIn(ctx, steps);
    seeOther(ctx, `${ctx.path.replace(/\/$/, '')}/register${ctx.search}`);
    return undefined;
  });

  router.post('/consent', steps.checkCsrf, async (ctx) => {
    const { runtime, interaction } = flowOf(ctx);
    if (interaction.prompt.name !== 'consent' || !interaction.session) return showSignIn(ctx, steps);
    const { accountId } = interaction.session;
    const { grantId, scopes } = await allowAsked(runtime.provider, interaction, accountId, (...of) =>
      base.artifacts.grantOf(runtime.tenant.id, ...of, 'consent'),
    );
    await base.audit(runtime.tenant.id, {
      event: 'consent',
      result: 'success',
      actor: accountId,
      ...seenFrom(ctx),
      detail: { scopes },
    });
    return steps.finish(ctx, { consent: { grantId } });
  });

  router.post('/cancel', steps.checkCsrf, (ctx) =>
    steps.finish(ctx, { error: 'access_denied', error_description: 'the user cancelled' }),
  );

  // A consent page that is still open in another tab takes no passwords.
  router.use((ctx, next) => (flowOf(ctx).interaction.prompt.name === 'consent' ? showConsent(ctx) : next()));
  signInRoutes(router, base, steps);
  registerRoutes(router, base, steps);
  recoverRoutes(router, base, steps);
  return router;
}
