import { timingSafeEqual } from 'node:crypto';
import { bodyParser } from '@koa/bodyparser';
import Router from '@koa/router';
import type { Context } from 'koa';
import { errors, type Interaction } from 'oidc-provider';
import { Busy } from '../../kernel/errors.js';
import { renderPage } from '../../kernel/pages.js';
import { factsOf } from '../../kernel/request.js';
import { rateHeaders } from '../../limits/index.js';
import type { AuditEvent } from '../../observe/index.js';
import { PASSWORD_ACR, type OidcBase } from '../provider.js';
import type { TenantRuntime } from '../pool.js';
import { allowAsked, scopesToShow } from './consent.js';
import { formTargetsOf, homeOf, lookOf } from './pages.js';

/** A request of the sign-in pages, after `openInteraction`. */
interface InteractionState {
  runtime: TenantRuntime;
  interaction: Interaction;
}

type Form = Record<string, string | undefined>;

const form = (ctx: Context): Form => (ctx.request as unknown as { body?: Form }).body ?? {};
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/**
 * Sign-in and consent, between the library's redirects: plain forms, one page a step. A step is taken only by the
 * browser that holds the interaction's cookie, with the token that the page gave it.
 */
export function interactionRoutes(base: OidcBase, runtimeOf: (ctx: Context) => TenantRuntime): Router {
  const router = new Router({ prefix: '/interaction/:uid' });
  const csrfToken = (uid: string): string => base.vault.hash('csrf', uid);

  async function openInteraction(ctx: Context, next: () => Promise<unknown>): Promise<unknown> {
    const runtime = runtimeOf(ctx);
    try {
      const interaction = await runtime.provider.interactionDetails(ctx.req, ctx.res);
      if (interaction.uid !== (ctx['params'] as { uid: string }).uid)
        throw new errors.SessionNotFound('another interaction');
      factsOf(ctx.req).clientId = String(interaction.params['client_id']);
      ctx.state['flow'] = { runtime, interaction } satisfies InteractionState;
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      return expired(ctx, runtime);
    }
    return next();
  }

  async function checkCsrf(ctx: Context, next: () => Promise<unknown>): Promise<unknown> {
    const { interaction, runtime } = flow(ctx);
    const expected = Buffer.from(csrfToken(interaction.uid));
    const given = Buffer.from(text(form(ctx)['csrf']) ?? '');
    if (given.length === expected.length && timingSafeEqual(given, expected)) return next();
    ctx.status = 403;
    return expired(ctx, runtime, 'csrf');
  }

  async function expired(
    ctx: Context,
    runtime: TenantRuntime,
    outcome = 'interaction_expired',
  ): Promise<void> {
    factsOf(ctx.req).outcome = outcome;
    if (ctx.status !== 403) ctx.status = 400;
    const client = await runtime.clients.get(text(ctx.query['app']) ?? '');
    renderPage(ctx, 'expired', {
      look: lookOf(runtime.tenant),
      data: {
        app: client?.clientName,
        home: homeOf(client?.settings),
        requestId: factsOf(ctx.req).requestId,
      },
    });
  }

  async function show(
    ctx: Context,
    { problem, login }: { problem?: string; login?: string | undefined } = {},
  ): Promise<void> {
    const { runtime, interaction } = flow(ctx);
    const { params, prompt, uid } = interaction;
    const client = await runtime.clients.get(String(params['client_id']));
    renderPage(ctx, prompt.name === 'login' ? 'sign-in' : 'consent', {
      look: lookOf(runtime.tenant),
      uiLocales: text(params['ui_locales']),
      formTargets: formTargetsOf(params['redirect_uri']),
      data: {
        base: `/interaction/${uid}`,
        query: `?app=${encodeURIComponent(String(params['client_id']))}`,
        csrf: csrfToken(uid),
        app: client?.clientName ?? params['client_id'],
        client: client?.settings,
        problem,
        login: login ?? text(params['login_hint']) ?? '',
        ...(prompt.name === 'consent' && {
          scopes: scopesToShow(runtime.catalogue, interaction),
          ...(await consentFacts(ctx)),
        }),
        home: homeOf(client?.settings),
      },
    });
  }

  /** Who consents, and for how long. */
  async function consentFacts(ctx: Context): Promise<{ user: string | undefined; days: string }> {
    const { runtime, interaction } = flow(ctx);
    const user = await base.people.active(runtime.tenant.id, interaction.session?.accountId ?? '');
    return {
      user: user?.nickName ?? user?.userName,
      days: String(Math.round(base.config.lifetimes.grant / 86_400)),
    };
  }

  const finish = async (
    ctx: Context,
    result: Parameters<TenantRuntime['provider']['interactionFinished']>[2],
    merge: boolean,
  ): Promise<void> => {
    ctx.respond = false;
    await flow(ctx).runtime.provider.interactionFinished(ctx.req, ctx.res, result, {
      mergeWithLastSubmission: merge,
    });
  };

  router.use(bodyParser({ enableTypes: ['form'], formLimit: '8kb' }), openInteraction);
  router.get('/', (ctx) => show(ctx));

  router.post('/sign-in', checkCsrf, async (ctx) => {
    const { runtime, interaction } = flow(ctx);
    const { login = '', password = '', remember } = form(ctx);
    if (interaction.prompt.name !== 'login') return show(ctx);
    const facts = factsOf(ctx.req);
    const refusal = base.limits.byAddress('signIn', runtime.tenant.id, facts.address);
    if (refusal) {
      facts.outcome = 'too_many_requests';
      ctx.status = 429;
      ctx.set(rateHeaders(refusal));
      return show(ctx, { problem: 'sign_in.busy', login });
    }
    const outcome = await base.people
      .signIn(runtime.tenant.id, String(login), String(password), facts.address)
      .catch((error: unknown) => {
        if (error instanceof Busy) return error;
        throw error;
      });
    if (outcome instanceof Busy) {
      facts.outcome = 'busy';
      ctx.status = 503;
      ctx.set('Retry-After', String(outcome.retryAfter));
      return show(ctx, { problem: 'sign_in.busy', login });
    }
    const refused = 'refused' in outcome;
    await base.audit(runtime.tenant.id, {
      event: 'sign_in.password',
      result: refused ? 'failure' : 'success',
      actor: refused ? outcome.account : outcome.user.userKey,
      ...seenFrom(ctx),
      detail: refused ? { reason: outcome.refused } : {},
    });
    if (refused) {
      facts.outcome = 'sign_in_refused';
      ctx.status = 401;
      return show(ctx, { problem: 'sign_in.wrong', login });
    }
    return finish(
      ctx,
      {
        login: {
          accountId: outcome.user.userKey,
          amr: ['pwd'],
          acr: PASSWORD_ACR,
          remember: remember === 'yes',
        },
      },
      false,
    );
  });

  router.post('/consent', checkCsrf, async (ctx) => {
    const { runtime, interaction } = flow(ctx);
    if (interaction.prompt.name !== 'consent' || !interaction.session) return show(ctx);
    const { accountId } = interaction.session;
    const { grantId, scopes } = await allowAsked(runtime.provider, interaction, accountId);
    await base.audit(runtime.tenant.id, {
      event: 'consent',
      result: 'success',
      actor: accountId,
      ...seenFrom(ctx),
      detail: { scopes },
    });
    return finish(ctx, { consent: { grantId } }, true);
  });

  router.post('/cancel', checkCsrf, (ctx) =>
    finish(ctx, { error: 'access_denied', error_description: 'the user cancelled' }, false),
  );
  return router;
}

const flow = (ctx: Context): InteractionState => ctx.state['flow'] as InteractionState;

/** Where an audited step was taken. */
function seenFrom(ctx: Context): Pick<AuditEvent, 'clientId' | 'address' | 'requestId'> {
  const { clientId, address, requestId } = factsOf(ctx.req);
  return { clientId, address, requestId };
}
