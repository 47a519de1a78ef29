import type { IncomingMessage, ServerResponse } from 'node:http';
import Router from '@koa/router';
import Koa, { type Context, type Middleware } from 'koa';
import { Conflict, Invalid, NotFound } from '../kernel/errors.js';
import { factsOf } from '../kernel/request.js';
import { rateHeaders, type Limits } from '../limits/index.js';
import { auditIn, type Log } from '../observe/index.js';
import { tenantDb, tenantTransaction, type Store, type TenantDb, type Vault } from '../store/index.js';
import { authenticate, demand } from './authenticate.js';
import { readBody } from './bodies.js';
import {
  deleteCredential,
  findCredential,
  insertCredential,
  insertCredentials,
  listNames,
  setCredentialPassword,
  type NewCredential,
} from './credentials.js';
import { MQTT_CODES as CODES, MqttFailure } from './failures.js';
import { mqttText } from './names.js';
import { KINDS, type Kind, type MqttApp, type Right } from './schema.js';

export interface MqttBase {
  store: Store;
  vault: Vault;
  limits: Limits;
  log: Log;
}

const LARGEST_PAGE = 10_000;

/** The tables of devices' credentials, as EMQX 4's clients call them: `/api/v4/auth_username` and `/api/v4/auth_clientid`. */
export function mqttApi(
  base: MqttBase,
  tenantIdOf: (request: IncomingMessage) => string,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const app = new Koa({ proxy: true });
  app.silent = true; // `answerFailures` tells
  const router = new Router({ prefix: '/api/v4' });
  const tenantId = (ctx: Context): string => tenantIdOf(ctx.req);
  const appOf = (ctx: Context): MqttApp => ctx.state['app'] as MqttApp;

  const admit: Middleware = async (ctx, next) => {
    const { retryAfter } = factsOf(ctx.req);
    if (retryAfter !== undefined) throw tooMany({ 'Retry-After': String(retryAfter) });
    const found = await authenticate(base, ctx, tenantId(ctx));
    factsOf(ctx.req).clientId = found.appId;
    const refusal = base.limits.byClient('api', tenantId(ctx), found.appId);
    if (refusal) throw tooMany(rateHeaders(refusal));
    ctx.state['app'] = found;
    await next();
  };
  const needs =
    (right: Right): Middleware =>
    (ctx, next) => {
      demand(appOf(ctx), right);
      return next();
    };

  /** A change with its audit row. */
  const change = <T>(
    ctx: Context,
    event: string,
    target: string,
    work: (db: TenantDb) => Promise<T>,
  ): Promise<T> =>
    tenantTransaction(base.store, tenantId(ctx), async (db) => {
      const answer = await work(db);
      const { address, requestId } = factsOf(ctx.req);
      const { appId } = appOf(ctx);
      await auditIn(db, {
        event: `mqtt.${event}`,
        result: 'success',
        actor: appId,
        clientId: appId,
        target: target.slice(0, 200),
        address,
        requestId,
      });
      return answer;
    });

  for (const kind of KINDS) tableRoutes(kind);

  function tableRoutes(kind: Kind): void {
    const path = `/auth_${kind}`;
    /** What a body says of one device. @throws Invalid */
    const entryOf = (value: unknown): NewCredential => {
      const fields = (value !== null && typeof value === 'object' ? value : {}) as Record<string, unknown>;
      return { name: mqttText(kind, fields[kind]), password: mqttText('password', fields['password']) };
    };
    const nameOf = (ctx: Context): string =>
      mqttText(kind, (ctx as Context & { params: { name: string } }).params.name);

    router.get(path, needs('read'), async (ctx) => {
      const page = number(ctx, '_page', 1, Number.MAX_SAFE_INTEGER / LARGEST_PAGE);
      const limit = number(ctx, '_limit', 10, LARGEST_PAGE);
      const db = tenantDb(base.store.knex, tenantId(ctx));
      const { names, count } = await listNames(db, kind, page, limit);
      ctx.body = { meta: { page, limit, count }, data: names.map((name) => ({ [kind]: name })), code: 0 };
    });

    router.get(`${path}/:name`, needs('read'), async (ctx) => {
      const db = tenantDb(base.store.knex, tenantId(ctx));
      const { name, passwordHash } = await findCredential(db, kind, nameOf(ctx));
      const withHash = ctx.query['withHash'] === 'true';
      if (withHash) demand(appOf(ctx), 'mqtt.hash.read');
      ctx.body = { data: { [kind]: name, ...(withHash && { password: passwordHash }) }, code: 0 };
    });

    router.post(path, needs('write'), async (ctx) => {
      const good: NewCredential[] = [];
      const answers = new Map<string, string>();
      const body = await readBody(ctx.req, (entry) => {
        try {
          good.push(entryOf(entry));
        } catch (error) {
          if (!(error instanceof Invalid)) throw error;
          const name = (entry as Record<string, unknown> | null | undefined)?.[kind];
          const key = typeof name === 'string' ? name : '';
          if (!answers.has(key)) answers.set(key, `${error.key} ${error.message}`);
        }
      });
      if ('one' in body) {
        const one = entryOf(body.one);
        await change(ctx, `auth_${kind}.post`, one.name, (db) => insertCredential(db, kind, one));
        ctx.body = { code: 0 };
        return;
      }
      const written = await change(ctx, `auth_${kind}.batch`, `${good.length} entries`, (db) =>
        insertCredentials(db, kind, good),
      );
      for (const { name } of good) answers.set(name, written.has(name) ? 'ok' : 'existed');
      ctx.body = { data: Object.fromEntries(answers), code: 0 };
    });

    router.put(`${path}/:name`, needs('write'), async (ctx) => {
      const body = await readBody(ctx.req, () => undefined);
      const fields = ('one' in body ? body.one : undefined) as Record<string, unknown> | null | undefined;
      const password = mqttText('password', fields?.['password']);
      const name = nameOf(ctx);
      await change(ctx, `auth_${kind}.put`, name, (db) =>
        setCredentialPassword(db, kind, { name, password }),
      );
      ctx.body = { code: 0 };
    });

    router.delete(`${path}/:name`, needs('write'), async (ctx) => {
      const name = nameOf(ctx);
      await change(ctx, `auth_${kind}.delete`, name, (db) => deleteCredential(db, kind, name));
      ctx.body = { code: 0 };
    });
  }

  app.use(answerFailures(base.log));
  app.use(admit);
  app.use(router.routes());
  app.use(() => {
    throw new MqttFailure(404, CODES.unknownCall, 'there is no such call; see docs/mqtt.md');
  });
  return app.callback();
}

const tooMany = (headers: Record<string, string>): MqttFailure =>
  new MqttFailure(429, CODES.tooMany, 'too many requests; see Retry-After', headers);

/** A number of the query, from 1 on. @throws MqttFailure: 422 */
function number(ctx: Context, name: string, otherwise: number, most: number): number {
  const given = ctx.query[name];
  if (given === undefined) return otherwise;
  const value = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : 0;
  if (value < 1 || value > most)
    throw new MqttFailure(422, CODES.invalidField, `${name} must be a number from 1 to ${Math.floor(most)}`);
  return value;
}

/** Turns what was thrown into the answer; what nobody expected is told to the log and to nobody else. */
const answerFailures =
  (log: Log): Middleware =>
  async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    try {
      await next();
    } catch (error) {
      const failure = failureOf(error);
      if (!failure) log.error({ err: error, requestId: factsOf(ctx.req).requestId }, 'unexpected');
      const { status, code, message, headers } =
        failure ?? new MqttFailure(500, CODES.failed, 'something went wrong here');
      factsOf(ctx.req).outcome = code.name;
      ctx.set(headers);
      ctx.status = status;
      ctx.body = { code: code.code, message };
    }
  };

function failureOf(error: unknown): MqttFailure | undefined {
  if (error instanceof MqttFailure) return error;
  if (error instanceof Invalid)
    return new MqttFailure(422, CODES.invalidField, `${error.key} ${error.message}`);
  if (error instanceof NotFound) return new MqttFailure(404, CODES.unknownName, error.message);
  if (error instanceof Conflict) return new MqttFailure(409, CODES.existed, error.message);
  const { status, statusCode = status } = error as { status?: number; statusCode?: number };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new MqttFailure(400, CODES.malformed, 'the address can not be read');
  return undefined;
}
