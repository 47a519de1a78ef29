import { createHash, randomBytes } from 'node:crypto';
import type { Context } from 'koa';
import { ACCOUNT_CLIENT_ID } from '../clients/index.js';
import { pathCookie } from '../kernel/cookies.js';
import { NotFound } from '../kernel/errors.js';
import { formOf, sameToken, type Step, seeOther } from '../kernel/forms.js';
import { pickLocale, renderPage, type Locale } from '../kernel/pages.js';
import { factsOf } from '../kernel/request.js';
import { auditIn } from '../observe/index.js';
import {
  ACCOUNT_CALLBACK,
  counted,
  lookOf,
  ROUTES,
  sessionLives,
  type OidcBase,
  type Problem,
  type TenantRuntime,
} from '../oidc/index.js';
import type { Area } from '../limits/index.js';
import { tenantTransaction, type TenantDb } from '../store/index.js';
import { lockUser, type User } from '../users/index.js';

/** A signed-in person at the account pages. */
export interface Visit {
  runtime: TenantRuntime;
  user: User;
  /** The session's name; it opens nothing. */
  sessionUid: string;
  /** When the person signed in, in epoch seconds. */
  signedInAt: number;
}

export const visitOf = (ctx: Context): Visit => ctx.state['visit'] as Visit;

export const localeOf = (ctx: Context): Locale => pickLocale(ctx);

/** The library's session, as far as it is read here. */
interface SessionReader {
  get(ctx: Context): Promise<{ accountId?: string; uid: string; loginTs?: number }>;
}

/** What the account pages are made of. */
export interface Visits {
  /** Signs the person in first, and comes back to the page that was asked for. */
  open: Step;
  /** Only for who signed in a moment ago: what follows could take the account away. */
  fresh: Step;
  /** Whether a form has the token that the page gave; says so where it has not. */
  isOwnForm(ctx: Context, token: string): boolean;
  /** The same, as a step. */
  checkCsrf: Step;
  /** Counts by address and by account; one too many gets `page`. */
  counted(area: Area, page: (ctx: Context, problem: Problem) => Promise<void>): Step;
  /** Answers with a page of views/account. */
  page(ctx: Context, section: string, data?: Record<string, unknown>): void;
  /** To the sign-in page, and from there to a page of the account. */
  signIn(ctx: Context, to: string, prompt?: 'login' | 'create'): void;
  /** Whether this browser went to sign in a moment ago; it is told so once. */
  endSignIn(ctx: Context): boolean;
  /**
   * A change to the account, with its audit row, or neither. Those who were signed out meanwhile, or disabled, change
   * nothing: they sign in first.
   * @param options `large` where it may be any number of rows, `takesRights` where it takes the account away.
   */
  change<T>(
    ctx: Context,
    event: string,
    work: (db: TenantDb) => Promise<T>,
    options?: ChangeOptions,
  ): Promise<T>;
}

interface ChangeOptions {
  large?: boolean;
  takesRights?: boolean;
}

/** The person was signed out while the request was under way. */
class VisitEnded extends Error {}

/** Holds the user, and asks whether the visit goes on. @throws VisitEnded */
async function checkVisit(db: TenantDb, { user: { id, userKey }, sessionUid }: Visit): Promise<void> {
  const user = await lockUser(db, id).catch((error: unknown) => {
    if (error instanceof NotFound) return undefined;
    throw error;
  });
  if (!user?.enabled || !(await sessionLives(db, sessionUid, userKey))) throw new VisitEnded();
}

/** Pages only, so that nobody is led elsewhere after signing in. */
const PAGE = /^\/account(?:\/[a-z-]+)?$/;
export const pageOrStart = (path: string): string => (PAGE.test(path) ? path : '/account');

/** A sign-in that takes longer has begun: only its first steps can say that there is no time for it. */
const MOST_SIGN_IN_MS = 60_000;

export function visits(base: OidcBase, runtimeOf: (ctx: Context) => TenantRuntime): Visits {
  const csrfOf = (sessionUid: string): string => base.vault.hash('csrf', `account:${sessionUid}`);
  /** The page that a request belongs to: a form's own page, where it was a form. */
  const pageOf = (ctx: Context): string =>
    pageOrStart(ctx.method === 'GET' ? ctx.path : ctx.path.split('/').slice(0, 3).join('/'));

  /** Says that this browser goes to sign in; the value is no secret. */
  const begun = {
    cookieOf: (ctx: Context): string => pathCookie(isSecure(ctx), 'gatehouse_account_sign_in'),
    set(ctx: Context, value: string | null): void {
      ctx.cookies.set(begun.cookieOf(ctx), value, {
        path: '/account',
        httpOnly: true,
        sameSite: 'lax',
        secure: isSecure(ctx),
        signed: false,
        overwrite: true,
        ...(value !== null && { maxAge: MOST_SIGN_IN_MS }),
      });
    },
  };
  const isSecure = (ctx: Context): boolean => runtimeOf(ctx).tenant.issuer.startsWith('https:');

  function endSignIn(ctx: Context): boolean {
    const found = ctx.cookies.get(begun.cookieOf(ctx), { signed: false }) !== undefined;
    if (found) begun.set(ctx, null);
    return found;
  }

  function signIn(ctx: Context, to: string, prompt?: 'login' | 'create'): void {
    const query = new URLSearchParams({
      client_id: ACCOUNT_CLIENT_ID,
      redirect_uri: runtimeOf(ctx).tenant.issuer + ACCOUNT_CALLBACK,
      response_type: 'code',
      scope: 'openid',
      state: to,
      code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
      code_challenge_method: 'S256',
      ...(prompt && { prompt }),
    });
    begun.set(ctx, '1');
    seeOther(ctx, `${ROUTES.authorization}?${query.toString()}`);
  }

  function isOwnForm(ctx: Context, token: string): boolean {
    if (sameToken(csrfOf(visitOf(ctx).sessionUid), token)) return true;
    factsOf(ctx.req).outcome = 'csrf';
    ctx.status = 403;
    renderPage(ctx, 'expired', {
      look: lookOf(visitOf(ctx).runtime.tenant),
      data: { home: pageOf(ctx), requestId: factsOf(ctx.req).requestId },
    });
    return false;
  }

  return {
    signIn,
    endSignIn,

    async open(ctx, next) {
      const runtime = runtimeOf(ctx);
      const session = await (runtime.provider.Session as unknown as SessionReader).get(ctx);
      const { accountId, uid, loginTs = 0 } = session;
      const user =
        accountId === undefined ? undefined : await base.people.active(runtime.tenant.id, accountId);
      if (!user) return signIn(ctx, pageOf(ctx));
      factsOf(ctx.req).clientId = ACCOUNT_CLIENT_ID;
      ctx.state['visit'] = { runtime, user, sessionUid: uid, signedInAt: loginTs } satisfies Visit;
      try {
        await next();
      } catch (error) {
        if (!(error instanceof VisitEnded)) throw error;
        signIn(ctx, pageOf(ctx));
      }
    },

    fresh(ctx, next) {
      const age = Date.now() / 1000 - visitOf(ctx).signedInAt;
      return age <= base.config.lifetimes.freshSignIn ? next() : signIn(ctx, pageOf(ctx), 'login');
    },

    isOwnForm,

    checkCsrf: (ctx, next) => (isOwnForm(ctx, formOf(ctx).text('csrf')) ? next() : undefined),

    counted: (area, page) =>
      counted(
        base.limits,
        (ctx) => visitOf(ctx).runtime.tenant.id,
        area,
        page,
        (ctx) => visitOf(ctx).user.userKey,
      ),

    page(ctx, section, data = {}) {
      const { runtime, user, sessionUid } = visitOf(ctx);
      renderPage(ctx, `account/${section}`, {
        look: lookOf(runtime.tenant),
        data: { csrf: csrfOf(sessionUid), user, section, signOut: ROUTES.end_session, ...data },
      });
    },

    change(ctx, event, work, { takesRights, ...options } = {}) {
      const { runtime, user } = visitOf(ctx);
      const { address, requestId } = factsOf(ctx.req);
      const changed = async (db: TenantDb) => {
        if (takesRights) await db.lockRights('take');
        await checkVisit(db, visitOf(ctx));
        const answer = await work(db);
        await auditIn(db, {
          event: `account.${event}`,
          result: 'success',
          actor: user.userKey,
          clientId: ACCOUNT_CLIENT_ID,
          target: user.id,
          address,
          requestId,
        });
        return answer;
      };
      return tenantTransaction(base.store, runtime.tenant.id, changed, options);
    },
  };
}
