import type { Context } from 'koa';
import { errors, type Interaction } from '../library/index.js';
import { ACCOUNT_CLIENT_ID, DOCS_CLIENT_ID, type Client } from '../../clients/index.js';
import { formOf, sameToken, seeOther, type Step } from '../../kernel/forms.js';
import { pickLocale, renderPage, say, type Locale } from '../../kernel/pages.js';
import { factsOf } from '../../kernel/request.js';
import type { Area } from '../../limits/index.js';
import type { AuditEvent } from '../../observe/index.js';
import { reachOf } from '../../messaging/index.js';
import type { Channel } from '../../verification/index.js';
import type { OidcBase } from '../provider.js';
import type { TenantRuntime } from '../pool.js';
import { hintedSubject, OTHER_PERSON } from './id-token-hint.js';
import { formTargetsOf, homeOf, lookOf } from './pages.js';
import { counted, type Problem } from './problems.js';

/** A request of the sign-in pages, after `open`. */
export interface Flow {
  runtime: TenantRuntime;
  interaction: Interaction;
}

export const flowOf = (ctx: Context): Flow => ctx.state['flow'] as Flow;

/** How somebody was recognised: a password, or a code that was sent (OIDC Core 2, `acr`; RFC 8176, `amr`). */
export const RECOGNISED = {
  password: { acr: 'urn:gatehouse:acr:password', amr: ['pwd'] },
  code: { acr: 'urn:gatehouse:acr:code', amr: ['otp'] },
} as const;

/** A parameter of the request as text. */
export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Where an audited step was taken. */
export function seenFrom(ctx: Context): Pick<AuditEvent, 'clientId' | 'address' | 'requestId'> {
  const { clientId, address, requestId } = factsOf(ctx.req);
  return { clientId, address, requestId };
}

/** The words, in views/locales, for applications of the product's own. */
const BUILT_IN_NAMES: Record<string, string> = {
  [ACCOUNT_CLIENT_ID]: 'account.app',
  [DOCS_CLIENT_ID]: 'docs.app',
};

function nameOf(client: Client | undefined, locale: Locale): string | undefined {
  const words = BUILT_IN_NAMES[client?.clientId ?? ''];
  return words === undefined ? client?.clientName : say(locale, words);
}

/** What every step between an authorization request and its answer is made of. */
export interface Steps {
  /** Only for the browser that the interaction belongs to. */
  open: Step;
  /** Only with the token that the page gave. */
  checkCsrf: Step;
  /** Counts by address; one too many gets `page` again. */
  counted(area: Area, page: (ctx: Context, problem: Problem) => Promise<void>): Step;
  /** Answers with a page of views/ that belongs to the application that the person comes from. */
  page(ctx: Context, view: string, data?: Record<string, unknown>): Promise<void>;
  /** By which ways codes can reach somebody from these pages. */
  reach(ctx: Context): Promise<Record<Channel, boolean>>;
  /** The person is recognised; on with the authorization request. */
  recognised(ctx: Context, userKey: string, how: (typeof RECOGNISED)[keyof typeof RECOGNISED]): Promise<void>;
  finish(
    ctx: Context,
    result: Parameters<TenantRuntime['provider']['interactionFinished']>[2],
  ): Promise<void>;
}

export function interactionSteps(base: OidcBase, runtimeOf: (ctx: Context) => TenantRuntime): Steps {
  const csrfToken = ({ runtime, interaction }: Flow): string =>
    base.vault.hash('csrf', runtime.binding.formSubject(interaction));

  async function expired(ctx: Context, runtime: TenantRuntime, status: number, why: string): Promise<void> {
    factsOf(ctx.req).outcome = why;
    ctx.status = status;
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

  async function finish(
    ctx: Context,
    result: Parameters<TenantRuntime['provider']['interactionFinished']>[2],
  ): Promise<void> {
    const { runtime, interaction } = flowOf(ctx);
    interaction.result = result['consent'] ? { ...interaction.lastSubmission, ...result } : result;
    await interaction.persist();
    runtime.binding.finish(ctx, interaction);
    seeOther(ctx, interaction.returnTo);
  }

  return {
    finish,

    async open(ctx, next) {
      const runtime = runtimeOf(ctx);
      try {
        const interaction = await runtime.provider.interactionDetails(ctx.req, ctx.res);
        if (interaction.uid !== (ctx['params'] as { uid: string }).uid)
          throw new errors.SessionNotFound('another interaction');
        if (!runtime.binding.beganHere(ctx, interaction)) throw new errors.SessionNotFound('another browser');
        factsOf(ctx.req).clientId = String(interaction.params['client_id']);
        ctx.state['flow'] = { runtime, interaction } satisfies Flow;
      } catch (error) {
        if (!(error instanceof errors.SessionNotFound)) throw error;
        return expired(ctx, runtime, 400, 'interaction_expired');
      }
      return next();
    },

    checkCsrf(ctx, next) {
      const right = sameToken(csrfToken(flowOf(ctx)), formOf(ctx).text('csrf'));
      return right ? next() : expired(ctx, flowOf(ctx).runtime, 403, 'csrf');
    },

    counted: (area, page) => counted(base.limits, (ctx) => flowOf(ctx).runtime.tenant.id, area, page),

    async page(ctx, view, data = {}) {
      const { runtime, interaction } = flowOf(ctx);
      const { params, uid } = interaction;
      const client = await runtime.clients.get(String(params['client_id']));
      const uiLocales = text(params['ui_locales']);
      renderPage(ctx, view, {
        look: lookOf(runtime.tenant),
        uiLocales,
        formTargets: formTargetsOf(params['redirect_uri']),
        data: {
          base: `/interaction/${uid}`,
          query: `?app=${encodeURIComponent(String(params['client_id']))}`,
          csrf: csrfToken(flowOf(ctx)),
          app: nameOf(client, pickLocale(ctx, uiLocales)) ?? params['client_id'],
          client: client?.settings,
          home: homeOf(client?.settings),
          ...data,
        },
      });
    },

    async reach(ctx) {
      const { challenge } = base.config.codes;
      // A challenge that has no page of its own needs scripts, which these pages do not run.
      if (challenge && challenge.page === undefined) return { sms: false, mail: false };
      return reachOf(base.messenger, flowOf(ctx).runtime.tenant.id);
    },

    recognised(ctx, userKey, { acr, amr }) {
      const { params, prompt } = flowOf(ctx).interaction;
      // Refused here already, so that the session of the person who is signed in does not end for it.
      if ((hintedSubject(params) ?? userKey) !== userKey) return finish(ctx, OTHER_PERSON);
      return finish(ctx, {
        login: { accountId: userKey, amr: [...amr], acr, remember: formOf(ctx).text('remember') === 'yes' },
        // Whoever was to register (prompt=create) has done so, or has an account already.
        ...(prompt.name === 'create' && { create: {} }),
      });
    },
  };
}
