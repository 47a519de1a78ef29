import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import Router from '@koa/router';
import Koa, { type Context, type Middleware } from 'koa';
import type { Knex } from 'knex';
import { tenantDb, type Store, type TenantDb } from '../store/index.js';
import { Busy, Conflict, Invalid, NotFound } from '../kernel/errors.js';
import { authorise, type Actor } from './access.js';
import { readJson, readLines, type TextLine } from './body.js';
import { BASIC, languageOf } from './codes.js';
import { envelope, listEnvelope } from './envelope.js';
import { Failure, type FieldProblem } from './failure.js';
import {
  writes,
  type AnyCall,
  type AnyOperation,
  type CallTenant,
  type Line,
  type Page,
} from './operation.js';
import type { PagingQuery } from './paging.js';
import { inspectJson, presenter, validateJson, validateText, type Validate } from './validation.js';

/** What an operation did, for the audit. */
export interface Deed {
  operation: string;
  actor: Actor | undefined;
  target: string;
  /** The names of the fields that were given; their values may be secrets, or somebody's. */
  fields: string[];
}

/** What the routes stand on; the kernel knows no room. */
export interface ApiBase {
  store: Store;
  /** The tenant of the request's host. */
  tenantOf(request: IncomingMessage): CallTenant;
  /** Whose token this is; undefined for one that is not valid here. */
  actorOf(request: IncomingMessage, token: string): Promise<Actor | undefined>;
  /** Whose the secret of an API resource is; undefined for a wrong one. */
  actorOfSecret(request: IncomingMessage, name: string, secret: string): Promise<Actor | undefined>;
  /** Whether pages of this origin may call from a browser. */
  mayCallFrom(request: IncomingMessage, origin: string): Promise<boolean>;
  /** Refuses a call of an address that has asked too often. @throws Failure */
  admit(request: IncomingMessage): void;
  /** Counts a call of a client, and refuses one too many. @throws Failure */
  count(request: IncomingMessage, clientId: string): void;
  /** Writes the audit row, in the transaction of the deed. */
  record(db: TenantDb, request: IncomingMessage, deed: Deed): Promise<void>;
  /** Marks the tenant as changed, in the transaction of the deed. */
  touch(trx: Knex, tenantId: string): Promise<void>;
  /** Makes this node look at changed tenants now. */
  refresh(): Promise<void>;
  /** What nobody expected; the answer tells nothing of it. */
  unexpected(request: IncomingMessage, error: unknown): void;
  /** Tells the request's log line how it ended. */
  note(request: IncomingMessage, facts: { clientId?: string; outcome?: string }): void;
}

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
  app.use(answerFailures(base));
  app.use(answerBrowsers(base));
  app.use(router.routes());
  app.use(() => {
    throw new Failure(404, BASIC.notFound, { message: 'there is no such operation; /openapi.json has all' });
  });
  return app;
}

/** `/api/Role/Codes` is no role's id. */
const fixedPathsFirst = (operations: readonly AnyOperation[]): AnyOperation[] =>
  [...operations].sort((a, b) => Number(a.path.includes('{')) - Number(b.path.includes('{')));

const pathOf = ({ path }: AnyOperation): string => path.replace(/\{(\w+)\}/g, ':$1');

/** Who calls, at which tenant, if he may. @throws Failure */
async function admitted(
  operation: AnyOperation,
  base: ApiBase,
  ctx: Context,
): Promise<{ tenant: CallTenant; actor: Actor | undefined }> {
  const tenant = base.tenantOf(ctx.req);
  const actor = await authenticate(operation, base, ctx, tenant);
  if (actor && operation.access.kind !== 'open') authorise(actor, operation.access);
  if (operation.home && !tenant.home) throw onlyAtHome();
  return { tenant, actor };
}

/** The way of an operation that answers line by line, while lines still come. */
function performStream(operation: AnyOperation, base: ApiBase): Middleware {
  const { stream, schemas } = operation;
  const present = presenter(schemas.answer);
  const checkQuery = validateText(schemas.query ?? NOTHING);
  const inspect = inspectJson(schemas.body ?? NOTHING);
  return async (ctx) => {
    const { tenant, actor } = await admitted(operation, base, ctx);
    const query = { ...ctx.query };
    checkQuery(query);
    const texts = readLines(ctx.req);
    const transaction = <T>(target: string, work: (db: TenantDb) => Promise<T>): Promise<T> =>
      base.store.transaction(async (trx) => {
        const db = tenantDb(trx, tenant.id);
        const done = await work(db);
        await base.record(db, ctx.req, { operation: operation.id, actor, target, fields: [] });
        return done;
      });
    async function* answers(): AsyncIterable<string> {
      try {
        const lines = parsed(texts, inspect);
        for await (const answer of stream?.({ tenant, actor, query, lines, transaction }) ?? [])
          yield `${JSON.stringify(present(answer))}\n`;
      } catch (error) {
        // The answer has begun: what is left to say is that it ends here. Who asked goes on from the last line answered.
        base.unexpected(ctx.req, error);
        yield `${JSON.stringify(envelope(BASIC.failed, languageOf(ctx.acceptsLanguages()), null))}\n`;
      }
    }
    ctx.type = 'application/x-ndjson';
    ctx.body = Readable.from(answers());
  };
}

async function* parsed(
  texts: AsyncIterable<TextLine>,
  inspect: (value: unknown) => FieldProblem[],
): AsyncIterable<Line<unknown>> {
  for await (const { number, text } of texts) {
    if (text === undefined) {
      yield { number, problem: { field: '', rule: 'maxLength', message: 'the line is longer than 64 KiB' } };
      continue;
    }
    const value = parseJson(text);
    const [problem] =
      value === undefined ? [{ field: '', rule: 'json', message: 'the line is not JSON' }] : inspect(value);
    yield problem ? { number, problem } : { number, value };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const NOTHING = { type: 'object', additionalProperties: false } as const;

/** A request's way through an operation, step by step. */
function perform(operation: AnyOperation, base: ApiBase): Middleware {
  const read = reader(operation);
  const present = presenter(operation.schemas.answer);
  const shown = operation.current && presenter(operation.current.answer);
  return async (ctx) => {
    ctx.state['conflicts'] = operation.conflicts;
    const { tenant, actor } = await admitted(operation, base, ctx);
    const language = languageOf(ctx.acceptsLanguages());
    const { echoed, ...given } = await read(ctx);
    const input = { tenant, actor, language, ...given };
    const prepared = await operation.prepare?.(input);
    const answer = writes(operation)
      ? await change(operation, base, ctx, input, { prepared, echoed, shown })
      : await operation.handle(callOn(base.store.knex, operation, input), prepared);
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
    const data = present(answer);
    const etag = etagOf(data);
    if (operation.keep) ctx.set('Cache-Control', `public, max-age=${operation.keep(answer)}`);
    if (operation.method !== 'DELETE') ctx.set('ETag', etag);
    if (operation.method === 'GET' && ctx.get('If-None-Match').includes(etag)) ctx.status = 304;
    else ctx.body = envelope(BASIC.ok, language, data);
  };
}

type Input = Omit<AnyCall, 'db' | 'everything'>;

/** What the handler is given, over one connection: the tenant's tables, and the others' only where it is about all of them. */
const callOn = (connection: Knex, { home }: AnyOperation, input: Input): AnyCall =>
  ({
    ...input,
    db: tenantDb(connection, input.tenant.id),
    ...(home && { everything: connection }),
  }) as AnyCall;

const onlyAtHome = (): Failure =>
  new Failure(403, BASIC.forbidden, {
    message: 'tenants are managed by the administrators of the home tenant, at its address',
    data: { missing: 'tenant', name: 'home' },
  });

async function authenticate(
  { access }: AnyOperation,
  base: ApiBase,
  ctx: Context,
  { issuer }: CallTenant,
): Promise<Actor | undefined> {
  if (access.kind === 'open') return undefined;
  const [scheme = '', token, ...more] = ctx.get('Authorization').split(' ');
  const sent = scheme.toLowerCase() === 'bearer' && token !== undefined && more.length === 0;
  const actor = sent
    ? await base.actorOf(ctx.req, token)
    : access.kind === 'import' && scheme.toLowerCase() === 'basic'
      ? await base.actorOfSecret(ctx.req, ...namedSecret(token))
      : undefined;
  if (!actor) {
    const message = sent
      ? 'the access token is not valid here: it has expired, was revoked, or is for something else'
      : 'send an access token: Authorization: Bearer …';
    throw new Failure(401, BASIC.noPermission, {
      message,
      headers: {
        'WWW-Authenticate': `Bearer realm="${issuer}", error="invalid_token", error_description="${message.replace('…', '(token)')}"`,
      },
    });
  }
  base.note(ctx.req, { clientId: actor.clientId });
  base.count(ctx.req, actor.clientId);
  return actor;
}

/** The two halves of Basic authentication (RFC 7617). */
function namedSecret(encoded = ''): [name: string, secret: string] {
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)];
}

interface Given {
  params: unknown;
  query: unknown;
  body: unknown;
  /** What the body says of fields that the answer has and nobody can change: a thing may be sent back as it was read. */
  echoed: Record<string, unknown>;
}

/** Reads and checks what an operation takes: parameters of the path, query, body. */
function reader({ schemas, current }: AnyOperation): (ctx: Context) => Promise<Given> {
  const checkParams: Validate = validateText(schemas.params ?? NOTHING);
  const checkQuery: Validate = validateText(schemas.query ?? NOTHING);
  const checkBody: Validate | undefined = schemas.body === undefined ? undefined : validateJson(schemas.body);
  const readOnly = namesIn(current?.answer).filter((name) => !namesIn(schemas.body).includes(name));
  return async (ctx) => {
    const params = { ...(ctx as Context & { params: Record<string, string> }).params };
    checkParams(params);
    const query = { ...ctx.query };
    checkQuery(query);
    if (!checkBody) return { params, query, body: undefined, echoed: {} };
    const sent = await readJson(ctx.req);
    const { body, echoed } = isObject(sent) ? without(sent, readOnly) : { body: sent, echoed: {} };
    checkBody(body);
    return { params, query, body, echoed };
  };
}

const namesIn = (schema: unknown): string[] =>
  Object.keys((schema as { properties?: object } | undefined)?.properties ?? {});

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

function without(
  sent: Record<string, unknown>,
  names: string[],
): { body: Record<string, unknown>; echoed: Record<string, unknown> } {
  const echoed = Object.fromEntries(names.filter((name) => name in sent).map((name) => [name, sent[name]]));
  for (const name of names) delete sent[name];
  return { body: sent, echoed };
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
    shown,
  }: {
    prepared: unknown;
    echoed: Record<string, unknown>;
    shown: ((thing: unknown) => unknown) | undefined;
  },
): Promise<unknown> {
  const { tenant, actor } = input;
  const wanted = ctx.get('If-Match');
  const conditional = wanted !== '' && wanted !== '*';
  const answer = await base.store.transaction(async (trx) => {
    const call = callOn(trx, operation, input);
    if (operation.current && shown && (conditional || Object.keys(echoed).length > 0)) {
      const now = shown(await operation.current.read(call));
      if (conditional) sameAs(wanted, etagOf(now));
      refuseChanges(echoed, now as Record<string, unknown>);
    }
    const done = await operation.handle(call, prepared);
    await base.record(call.db, ctx.req, {
      operation: operation.id,
      actor,
      target: operation.target?.(call, done) ?? String((done as { id?: string }).id ?? ''),
      fields: Object.keys((input.body as object | undefined) ?? {}),
    });
    if (operation.changes === 'provider') await base.touch(trx, tenant.id);
    return done;
  });
  if (operation.changes) await base.refresh();
  return answer;
}

/** @throws Failure where the thing is not any more what the caller has seen */
function sameAs(wanted: string, actual: string): void {
  if (!wanted.split(/\s*,\s*/).includes(actual))
    throw new Failure(412, BASIC.preconditionFailed, {
      message: 'it was changed since you read it; read it again, and send the ETag of that',
      headers: { ETag: actual },
    });
}

/** @throws Failure naming the fields that nobody can change, and that are not sent as they are */
function refuseChanges(echoed: Record<string, unknown>, now: Record<string, unknown>): void {
  const data = Object.keys(echoed)
    .filter((name) => etagOf(echoed[name]) !== etagOf(now[name]))
    .map((field) => ({ field, rule: 'readOnly', message: 'can not be changed; leave it out' }));
  if (data[0])
    throw new Failure(422, BASIC.unprocessable, { message: `${data[0].field}: ${data[0].message}`, data });
}

/** The same data has the same ETag, in whichever order a handler has written it. */
const etagOf = (data: unknown): string =>
  `"${createHash('sha256')
    .update(JSON.stringify(data ?? null, inOrder))
    .digest('base64url')
    .slice(0, 22)}"`;

const inOrder = (_key: string, value: unknown): unknown =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

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
          'Access-Control-Expose-Headers': 'ETag, Retry-After, WWW-Authenticate, X-Request-Id',
          'Access-Control-Allow-Methods': 'GET, POST, PUT, DELETE',
          'Access-Control-Allow-Headers':
            'Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id',
          'Access-Control-Max-Age': '600',
        });
    }
    if (ctx.method === 'OPTIONS') ctx.status = 204;
    else await next();
  };

/** Turns what was thrown into the answer; what nobody expected is told to the log and to nobody else. */
const answerFailures =
  (base: ApiBase): Middleware =>
  async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    try {
      base.admit(ctx.req);
      await next();
    } catch (error) {
      const failure = failureOf(error, ctx.state['conflicts'] as AnyOperation['conflicts']);
      if (!failure) base.unexpected(ctx.req, error);
      const { status, code, message, data, headers } = failure ?? new Failure(500, BASIC.failed);
      base.note(ctx.req, { outcome: code.name });
      ctx.set(headers);
      ctx.status = status;
      ctx.body = envelope(code, languageOf(ctx.acceptsLanguages()), data, message || undefined);
    }
  };

/** What rooms throw, as answers. */
function failureOf(error: unknown, conflicts: AnyOperation['conflicts'] = {}): Failure | undefined {
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
  if (error instanceof Busy)
    return new Failure(503, BASIC.unavailable, {
      message: error.message,
      headers: { 'Retry-After': String(error.retryAfter) },
    });
  const { status, statusCode = status } = error as { status?: number; statusCode?: number };
  // Koa's own, about a path or a header that can not be read.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new Failure(400, BASIC.error);
  return undefined;
}
