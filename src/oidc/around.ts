import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { StoreUnavailable } from '../kernel/errors.js';
import { factsOf } from '../kernel/request.js';
import { rotatedBy } from './adapter.js';
import { CORRECTIONS, prefillUserCode } from './corrections.js';
import { answerAgain, type RefreshAnswers } from './grants/refresh-again.js';
import { introspect, type IntrospectionBase } from './introspection.js';
import { lookOf } from './interactions/pages.js';
import { answerUnavailable } from './interactions/unavailable.js';
import { answerForJwt } from './jwt-status.js';
import { letGoWhenAnswered } from './let-go.js';
import { confirmByItself } from './logout/confirm.js';
import { afterSignOut, CONFIRM_PATH, sessionBefore, type SignOutBase } from './logout/ended.js';
import { answerRegistration, isRegistration, type RegistrationBase } from './registration.js';
import { ROUTES } from './routes.js';
import type { Said } from './token-policy.js';
import { documentPath, type PublishedDocuments } from './well-known.js';

export interface AroundBase extends SignOutBase, RegistrationBase, Omit<IntrospectionBase, 'tenantId'> {
  documents: PublishedDocuments;
  answers: RefreshAnswers;
}

type Step = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;

/** What happens to every request before and after the library answers it, by its path. */
export function around(provider: Provider, base: AroundBase): Step {
  const { documents, answers } = base;
  const jwtStatus = { ...base, tenantId: base.tenant.id };
  const steps = new Map<string, Step>([
    [
      ROUTES.token,
      async (ctx, next) => {
        await next();
        await settleRefresh(ctx, answers);
      },
    ],
    [
      CONFIRM_PATH,
      async (ctx, next) => {
        const before = await sessionBefore(provider, ctx);
        await next();
        await afterSignOut(ctx, base, before);
      },
    ],
    [
      ROUTES.code_verification,
      (ctx, next) => {
        prefillUserCode(ctx);
        return next();
      },
    ],
  ]);
  const answerJwt: Step = async (ctx, next) => {
    await next();
    await answerForJwt(ctx, jwtStatus);
  };
  steps.set(ROUTES.introspection, async (ctx, next) => {
    if (await introspect(ctx, provider, jwtStatus)) return;
    await answerJwt(ctx, next);
    const said = ctx.body as (Said & { active?: boolean }) | undefined;
    if (said?.active) ctx.body = await base.asOfNow(said);
  });
  steps.set(ROUTES.revocation, answerJwt);
  let handle: ReturnType<Provider['callback']> | undefined;
  const confirm: Step = async (ctx, next) => {
    await next();
    await confirmByItself(ctx, (handle ??= provider.callback()));
  };
  steps.set(ROUTES.end_session, confirm);
  const resume: Step = (ctx, next) => {
    // All that counts was said before; the library fails where it is said again here.
    ctx.query = {};
    return confirm(ctx, next);
  };

  const answer: Step = async (ctx, next) => {
    const { path } = ctx;
    if (isRegistration(path)) return answerRegistration(ctx, base);
    const step = steps.get(path) ?? (path.startsWith(RESUME) ? resume : undefined);
    await (step ? step(ctx, next) : next());
    if (ctx.respond === false) return; // answered by another request of the same browser
    CORRECTIONS.get(path)?.(ctx);
    if (documentPath(path) === path) documents.keep(ctx);
    noteFacts(ctx);
    letGoWhenAnswered(ctx);
  };
  return async (ctx, next) => {
    try {
      await answer(ctx, next);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      provider.emit('server_error', ctx, error);
      answerUnavailable(ctx, error, lookOf(base.tenant));
    }
    const { unavailable } = factsOf(ctx.req);
    if (unavailable && ctx.status === 503) ctx.set('Retry-After', String(unavailable.retryAfter));
  };
}

/** Where the browser comes back to after signing in. */
const RESUME = `${ROUTES.authorization}/`;

/** An answer with a new refresh token is kept where it may be asked for again; one that is asked for again is given. */
async function settleRefresh(ctx: KoaContextWithOIDC, answers: RefreshAnswers): Promise<void> {
  const rotated = rotatedBy(ctx);
  const client = rotated && ctx.oidc.client;
  if (client && ctx.status === 200) await answers.keep(client, rotated, ctx.body as Record<string, unknown>);
  else answerAgain(ctx);
}

/** Tells the request's log line which client it was, and how it ended. */
function noteFacts(ctx: KoaContextWithOIDC): void {
  const facts = factsOf(ctx.req);
  const client = (ctx.oidc as typeof ctx.oidc | undefined)?.client;
  if (client) facts.clientId = client.clientId;
  const error = (ctx.body as { error?: unknown } | undefined)?.error;
  if (typeof error === 'string') facts.outcome = error;
}
