import Router from '@koa/router';
import Koa, { type Context, type Middleware } from 'koa';
import type { Knex } from 'knex';
import { retryingDeadlocks } from '../store/index.js';
import { whenClosed } from '../kernel/when-closed.js';
import { Busy, Conflict, Invalid, NotFound, StoreUnavailable } from '../kernel/errors.js';
import { admitted } from './authenticate.js';
import { judgeOf, type Holdings } from './authority.js';
import type { ApiBase } from './base.js';
import { callOn, type Input } from './call-on.js';
import { callerNow, checkCaller, checkToken } from './caller-now.js';
import { BASIC, languageOf, type Language } from './codes.js';
import { envelope, listEnvelope } from './envelope.js';
import { etagOf, has, refuseChanges, sameAs } from './etag.js';
import { answerEvents, asksForEvents } from './events.js';
import { Failure } from './failure.js';
import { reader, type Stay } from './input.js';
import { answerLink, linkFailures } from './links.js';
import {
  writes,
  type AnyCall,
  type AnyOperation,
  type Download,
  type Page,
  type RawAnswer,
} from './operation.js';
import type { PagingQuery } from './paging.js';
import { answerWork } from './started-work.js';
import { performStream } from './streams.js';
import { presenter } from './validation.js';

/** The management API as one Koa app. */
export function apiApp(operations: readonly AnyOperation[], base: ApiBase): Koa {
  const app = new Koa({ proxy: true });
  app.silent = true; // `answerFailures` tells
  const router = new Router();
  for (const operation of fixedPathsFirst(operations))
    router.register(
      pathOf(operation),
      [operation.method],
      operation.stream ? performStream(operation, base) : perform(operation, base),
    );
  app.use(answerFailures(base, linkFailures(operations, base)));
  app.use(answerBrowsers(base));
  app.use(router.routes());
  app.use((ctx) => {
    throw nothingAt(ctx);
  });
  return app;
}

/** What no operation answers. The router has left the declared methods of the path, HEAD with GET (RFC 9110, 15.5.6). */
function nothingAt(ctx: Context): Failure {
  const layers = (ctx['matched'] ?? []) as { methods: string[] }[];
  const allow = [...new Set(layers.flatMap(({ methods }) => methods))].sort().join(', ');
  if (allow === '')
    return new Failure(404, BASIC.notFound, { message: 'there is no such operation; /openapi.json has all' });
  return new Failure(405, BASIC.methodNotAllowed, {
    message: `the address has no ${ctx.method}; use ${allow}`,
    headers: { Allow: allow },
  });
}

/** `/api/Role/Codes` is no role's id. */
const fixedPathsFirst = (operations: readonly AnyOperation[]): AnyOperation[] =>
  [...operations].sort((a, b) => Number(a.path.includes('{')) - Number(b.path.includes('{')));

const pathOf = ({ path }: AnyOperation): string => path.replace(/\{(\w+)\}/g, ':$1');

/** A request's way through an operation, step by step. */
function perform(operation: AnyOperation, base: ApiBase): Middleware {
  const read = reader(operation);
  const present = presenter(operation.schemas.answer);
  const shown = operation.current && presenter(operation.current.answer);
  const made = new Map<Language, Done>();
  return async (ctx) => {
    ctx.state['conflicts'] = operation.conflicts;
    const { tenant, actor } = await admitted(operation, base, ctx);
    const language = languageOf(ctx.acceptsLanguages());
    const { echoed, stay, ...given } = await read(ctx);
    const constant = made.get(language);
    if (constant) return answerWith(ctx, operation, constant);
    const input = { tenant, actor, address: base.addressOf(ctx.req), language, ...given };
    const { link } = operation;
    if (link)
      return answerLink(ctx, base, link, language, {
        about: () => link.about(callOn(base.store.knex, operation, input)),
        perform: async () =>
          present(await change(operation, base, ctx, input, { prepared: undefined, echoed, stay, shown })),
      });
    if (operation.events && asksForEvents(ctx))
      return answerEvents(operation, operation.events, base, ctx, input);
    if (operation.acts) await checkCaller(operation, base, callOn(base.store.knex, operation, input));
    const prepared = await (operation.receive?.read(ctx, input) ??
      operation.prepare?.(input, () => callerLeaves(ctx)));
    const answer = writes(operation)
      ? await change(operation, base, ctx, input, { prepared, echoed, stay, shown })
      : await operation.handle(callOn(base.store.knex, operation, input), prepared);
    if (operation.starts) return answerWork(operation.starts, ctx, { tenant, language, answer, present });
    if (operation.list) {
      const page = answer as Page<unknown>;
      ctx.body = listEnvelope(
        BASIC.ok,
        language,
        { ...page, rows: page.rows.map(present) },
        input.query as PagingQuery,
      );
      return;
    }
    if (operation.raw) {
      ctx.set('X-Content-Type-Options', 'nosniff');
      return answerWith(ctx, operation, answer as RawAnswer);
    }
    const data = present(answer);
    const etag = etagOf(data);
    const { download } = operation;
    if (download) {
      ctx.vary('Accept');
      if (ctx.accepts('application/json', download.type) === download.type)
        return sendFile(ctx, operation, download, { etag, data });
    }
    const body = JSON.stringify(envelope(BASIC.ok, language, data));
    if (operation.keep) ctx.set('Cache-Control', `public, max-age=${operation.keep(answer)}`);
    if (operation.constant) made.set(language, { etag, body });
    answerWith(ctx, operation, { etag, body });
  };
}

/** Aborted where the connection closes before the answer is out. */
function callerLeaves({ res }: Context): AbortSignal {
  const leaving = new AbortController();
  whenClosed(res, () => {
    if (!res.writableFinished)
      leaving.abort(new Failure(400, BASIC.error, { message: 'the caller went away' }));
  });
  return leaving.signal;
}

async function sendFile(
  ctx: Context,
  operation: AnyOperation,
  { type, fileName, pack }: Download,
  { etag, data }: { etag: string; data: unknown },
): Promise<void> {
  const body = await pack(data);
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.attachment(fileName);
  answerWith(ctx, operation, { type, body, etag });
}

/** An answer that is done: what it is named by, and its text. */
type Done = Omit<RawAnswer, 'type'> & Partial<Pick<RawAnswer, 'type'>>;

function answerWith(ctx: Context, { method }: AnyOperation, { etag, body, type = 'json' }: Done): void {
  if (method !== 'DELETE') ctx.set('ETag', etag);
  if (method === 'GET' && ctx.get('If-None-Match').includes(etag)) {
    ctx.status = 304;
    return;
  }
  ctx.type = type;
  ctx.body = body;
}

const GONE: Holdings = new Map();

/**
 * What the things hold that the call is about, which the caller has to hold as well. They are locked from here on.
 * @throws Failure: 403
 */
async function authorityBefore({ authority }: AnyOperation, base: ApiBase, call: AnyCall): Promise<Holdings> {
  if (typeof authority !== 'function') return GONE;
  const held = await authority(call);
  await judgeOf(call.actor, (owner) => base.ownOf(call.db, owner))(held, held);
  return held;
}

/** Whether the caller may leave the things with what they hold now; else nothing is changed. @throws Failure: 403 */
async function checkAfter(
  { authority, method }: AnyOperation,
  base: ApiBase,
  call: AnyCall,
  before: Holdings,
  answer: unknown,
): Promise<void> {
  if (typeof authority !== 'function') return;
  const after = method === 'DELETE' ? GONE : await authority(call, answer);
  await judgeOf(call.actor, (owner) => base.ownOf(call.db, owner))(before, after);
}

/** The change and its audit row: one transaction. */
async function change(
  operation: AnyOperation,
  base: ApiBase,
  ctx: Context,
  input: Input,
  {
    prepared,
    echoed,
    stay,
    shown,
  }: {
    prepared: unknown;
    echoed: Record<string, unknown>;
    stay: Stay | undefined;
    shown: ((thing: unknown) => unknown) | undefined;
  },
): Promise<unknown> {
  const { tenant } = input;
  const wanted = ctx.get('If-Match');
  const conditional = wanted !== '' && wanted !== '*';
  const work = async (trx: Knex.Transaction): Promise<unknown> => {
    const begun = callOn(trx, operation, input);
    const call = { ...begun, actor: await callerNow(operation, base, begun) };
    const held = await authorityBefore(operation, base, call);
    await checkToken(base, call);
    if (operation.current && shown && (conditional || stay || Object.keys(echoed).length > 0)) {
      const now = shown(await operation.current.read(call));
      if (conditional) sameAs(wanted, etagOf(now));
      refuseChanges(echoed, now as Record<string, unknown>);
      if (stay && !has(now as Record<string, unknown>, stay.fields)) throw stay.failure;
    }
    const done = await operation.handle(call, prepared);
    await checkAfter(operation, base, call, held, done);
    await base.record(call.db, ctx.req, {
      operation: operation.id,
      actor: call.actor,
      target: operation.target?.(call, done) ?? String((done as { id?: string }).id ?? ''),
      fields: Object.keys((input.body as object | undefined) ?? {}),
    });
    if (operation.changes === 'provider') await base.touch(trx, tenant.id);
    return done;
  };
  const { store } = base;
  const answer = await retryingDeadlocks(() =>
    // What is deleted takes all with it that belongs to it, however much that is.
    operation.method === 'DELETE' ? store.largeTransaction(work) : store.transaction(work),
  );
  if (operation.changes) await base.refresh();
  if (operation.finish) {
    await operation.finish(answer);
    if (operation.changes) await base.refresh();
  }
  return answer;
}

const LONGEST_ORIGIN = 300;

/** CORS, by the origins of the tenant's clients. A token is needed all the same, so cookies have no part in it. */
const answerBrowsers =
  (base: ApiBase): Middleware =>
  async (ctx, next) => {
    const origin = ctx.get('Origin');
    if (origin) {
      ctx.vary('Origin');
      if (origin.length <= LONGEST_ORIGIN && (await base.mayCallFrom(ctx.req, origin)))
        ctx.set({
          'Access-Control-Allow-Origin': origin,
          'Access-Control-Expose-Headers':
            'ETag, Location, Preference-Applied, Retry-After, WWW-Authenticate, X-Request-Id',
          'Access-Control-Allow-Methods': 'GET, POST, PUT, DELETE',
          'Access-Control-Allow-Headers':
            'Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, Prefer, X-Request-Id',
          'Access-Control-Max-Age': '600',
        });
    }
    if (ctx.method === 'OPTIONS') ctx.status = 204;
    else await next();
  };

/** Turns what was thrown into the answer; what nobody expected is told to the log and to nobody else. */
const answerFailures =
  (base: ApiBase, onPage: (ctx: Context, failure: Failure) => boolean): Middleware =>
  async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    try {
      base.admit(ctx.req);
      await next();
    } catch (error) {
      const failure = failureOf(error, ctx.state['conflicts'] as AnyOperation['conflicts']);
      if (!failure || error instanceof StoreUnavailable) base.unexpected(ctx.req, error);
      const answered = failure ?? new Failure(500, BASIC.failed);
      const { status, code, message, data, headers } = answered;
      base.note(ctx.req, { outcome: code.name });
      ctx.set(headers);
      if (onPage(ctx, answered)) return;
      ctx.status = status;
      ctx.body = envelope(code, languageOf(ctx.acceptsLanguages()), data, message || undefined);
    }
  };

/** What rooms throw, as answers. */
export function failureOf(error: unknown, conflicts: AnyOperation['conflicts'] = {}): Failure | undefined {
  if (error instanceof Failure) return error;
  if (error instanceof Invalid) {
    const problem = { field: error.key, rule: 'invalid', message: error.message };
    return new Failure(422, BASIC.unprocessable, {
      message: `${error.key}: ${error.message}`,
      data: [problem],
    });
  }
  if (error instanceof NotFound) return new Failure(404, BASIC.notFound, { message: error.message });
  if (error instanceof Conflict)
    return new Failure(409, conflicts[error.key] ?? BASIC.conflict, {
      message: error.message,
      data: error.data,
    });
  if (error instanceof Busy || error instanceof StoreUnavailable)
    return new Failure(503, BASIC.unavailable, {
      message: error instanceof Busy ? error.message : `${error.message}: ${error.error_description}`,
      headers: { 'Retry-After': String(error.retryAfter) },
    });
  const { status, statusCode = status } = error as { status?: number; statusCode?: number };
  // Koa's own, about a path or a header that can not be read.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new Failure(400, BASIC.error);
  return undefined;
}
