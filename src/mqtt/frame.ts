import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import { factsOf } from '../kernel/request.js';
import { rateHeaders, type Limits } from '../limits/index.js';
import { auditIn, type Log } from '../observe/index.js';
import { tenantDb, tenantTransaction, type Store, type TenantDb, type Vault } from '../store/index.js';
import { appNow, type CallingApp } from './apps.js';
import { authenticate, demand, wrongApp } from './authenticate.js';
import { MQTT_CODES as CODES, MqttFailure, tooMany, toFailure } from './failures.js';
import type { Right } from './schema.js';

export interface FrameBase {
  store: Store;
  vault: Vault;
  limits: Limits;
  log: Log;
}

const LARGEST_PAGE = 10_000;

/** What every call of `/api/v4` has in common: who calls, in which tenant, what he may do, and what is written down of it. */
export interface Frame {
  /** Answers what goes wrong further in. */
  answerFailures: Middleware;
  /** Lets in who has the secret of an app. */
  admit: Middleware;
  needs(right: Right): Middleware;
  /** @throws MqttFailure where the app has not the right */
  demand(ctx: Context, right: Right): void;
  read(ctx: Context): TenantDb;
  /**
   * A change with its audit row, in one transaction. The app is read again in it, with each right that the call has needed
   * until then: an app that is disabled or has lost the right while its body came changes nothing.
   * @param target what was changed; where it is known only after the work, a function that says it.
   * @param options `large` where it may be any number of rows; `apps` where it changes apps. Such changes happen one after
   * another, and each waits for what the app is doing that it changes, unless that is large.
   */
  change<T>(
    ctx: Context,
    event: string,
    target: string | (() => string),
    work: (db: TenantDb) => Promise<T>,
    options?: ChangeOptions,
  ): Promise<T>;
}

interface ChangeOptions {
  large?: boolean;
  apps?: boolean;
}

export function openFrame(base: FrameBase, tenantIdOf: (request: IncomingMessage) => string): Frame {
  const tenantId = (ctx: Context): string => tenantIdOf(ctx.req);
  const appOf = (ctx: Context): CallingApp => ctx.state['app'] as CallingApp;
  const neededIn = (ctx: Context): Set<Right> => (ctx.state['needed'] ??= new Set<Right>()) as Set<Right>;
  const need = (ctx: Context, right: Right): void => {
    neededIn(ctx).add(right);
    demand(appOf(ctx), right);
  };
  /** @throws MqttFailure: 401, 403 */
  async function readAgain(db: TenantDb, ctx: Context, { large, apps }: ChangeOptions): Promise<void> {
    if (apps) await db.lockTenant();
    const now = await appNow(db, appOf(ctx), !large);
    if (!now) throw wrongApp();
    ctx.state['app'] = now;
    for (const right of neededIn(ctx)) demand(now, right);
  }
  return {
    async answerFailures(ctx, next) {
      ctx.set('Cache-Control', 'no-store');
      try {
        await next();
      } catch (error) {
        const facts = factsOf(ctx.req);
        const { status, code, message, headers } = toFailure(error, base.log, ctx.req);
        facts.outcome = code.name;
        ctx.set(headers);
        ctx.status = status;
        ctx.body = { code: code.code, message };
      }
    },
    async admit(ctx, next) {
      const { retryAfter, unavailable } = factsOf(ctx.req);
      if (unavailable) throw unavailable;
      if (retryAfter !== undefined) throw tooMany({ 'Retry-After': String(retryAfter) });
      const found = await authenticate(base, ctx.get('Authorization'), tenantId(ctx));
      factsOf(ctx.req).clientId = found.appId;
      const refusal = base.limits.byClient('api', tenantId(ctx), found.appId);
      if (refusal) throw tooMany(rateHeaders(refusal));
      ctx.state['app'] = found;
      await next();
    },
    needs: (right) => (ctx, next) => {
      need(ctx, right);
      return next();
    },
    demand: need,
    read: (ctx) => tenantDb(base.store.knex, tenantId(ctx)),
    change: (ctx, event, target, work, options = {}) => {
      const changed = async (db: TenantDb) => {
        await readAgain(db, ctx, options);
        const answer = await work(db);
        const { address, requestId } = factsOf(ctx.req);
        const { appId } = appOf(ctx);
        await auditIn(db, {
          event: `mqtt.${event}`,
          result: 'success',
          actor: appId,
          clientId: appId,
          target: (typeof target === 'string' ? target : target()).slice(0, 200),
          address,
          requestId,
        });
        return answer;
      };
      return tenantTransaction(base.store, tenantId(ctx), changed, options);
    },
  };
}

/** A parameter of the path. */
export const paramOf = (ctx: Context, name: string): string =>
  (ctx as Context & { params: Record<string, string> }).params[name] ?? '';

/** A number of the query, from 1 on. @throws MqttFailure: 422 */
function number(ctx: Context, name: string, otherwise: number, most: number): number {
  const given = ctx.query[name];
  if (given === undefined) return otherwise;
  const value = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : 0;
  if (value < 1 || value > most)
    throw new MqttFailure(422, CODES.invalidField, `${name} must be a number from 1 to ${Math.floor(most)}`);
  return value;
}

/** Which page is asked for. @throws MqttFailure: 422 */
export const pageOf = (ctx: Context): { page: number; limit: number } => ({
  page: number(ctx, '_page', 1, Number.MAX_SAFE_INTEGER / LARGEST_PAGE),
  limit: number(ctx, '_limit', 10, LARGEST_PAGE),
});
