import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse as parseForm } from 'node:querystring';
import { LRUCache } from 'lru-cache';
import { parse as parseJson } from '../kernel/json.js';
import { factsOf } from '../kernel/request.js';
import { rateHeaders, type Limits } from '../limits/index.js';
import type { Log } from '../observe/index.js';
import type { Store, Vault } from '../store/index.js';
import type { Tenant } from '../tenants/index.js';
import { authenticate, demand } from './authenticate.js';
import type { Admission, Devices, Result, TokenOf } from './devices.js';
import { addressOf, namesOf, textOf, type Fields } from './fields.js';
import { failureOf, MQTT_CODES as CODES, MqttFailure, tooMany } from './failures.js';
import { rabbitAnswer, type RabbitCall } from './rabbit.js';

export interface BrokerBase {
  store: Store;
  vault: Vault;
  limits: Limits;
  log: Log;
  devices: Devices;
  /** RabbitMQ's exchange that MQTT's topics are in. */
  exchange: string;
  /** A tenant by its name, for brokers that call at another's host. */
  tenantByName(name: string): Promise<Tenant | undefined>;
  /** What reads a tenant's access tokens. */
  tokenOf(tenant: Tenant): TokenOf;
}

export interface Broker {
  handle(request: IncomingMessage, response: ServerResponse, tenant: Tenant, path: string): Promise<void>;
  /** Forgets which secrets were right: after a change to the apps. */
  forgetApps(): void;
}

/** `/mqtt/auth`, or `/mqtt/t/<tenant>/auth`. */
const PATH = /^\/mqtt(?:\/t\/([^/]+))?\/(auth|acl|superuser|user|vhost|resource|topic)$/;
const RABBIT_CALLS = new Set<string>(['user', 'vhost', 'resource', 'topic'] satisfies RabbitCall[]);
/** A name and a password of 65,535 bytes, percent-encoded. */
const LARGEST_BODY = 512 * 1024;
const APPS_KNOWN = 1000;
/** A secret that was taken away, or an app that was disabled, elsewhere goes on for so long at the most. */
const APPS_KNOWN_MS = 5000;

/** `1` is a subscription and `2` a publication for EMQX 4; for Mosquitto's plugin 1 is reading, 2 writing, 4 subscribing. */
const ACTIONS: Record<string, 'pub' | 'sub'> = {
  publish: 'pub',
  subscribe: 'sub',
  pub: 'pub',
  sub: 'sub',
  '1': 'sub',
  '2': 'pub',
  '4': 'sub',
};

/**
 * The calls that brokers make while a device waits: EMQX 5 (JSON in, JSON out, always 200), EMQX 4 and Mosquitto's plugin
 * (a form in, the status tells), RabbitMQ (a form in, `allow` or `deny` as text). It is not a Koa app, because each of them
 * is a few microseconds of work.
 */
export function openBroker(base: BrokerBase): Broker {
  const { devices, exchange } = base;
  const known = new LRUCache<string, string>({ max: APPS_KNOWN, ttl: APPS_KNOWN_MS });

  /** Lets in an app that has the right `broker`. @throws MqttFailure */
  async function admit(request: IncomingMessage, tenantId: string): Promise<void> {
    const facts = factsOf(request);
    const header = request.headers.authorization ?? '';
    const key = createHash('sha256').update(`${tenantId} ${header}`).digest('base64');
    const appId = known.get(key);
    if (appId !== undefined) return void (facts.clientId = appId);
    try {
      const app = await authenticate(base, header, tenantId);
      demand(app, 'broker');
      facts.clientId = app.appId;
      known.set(key, app.appId);
    } catch (error) {
      // Brokers ask from one address, and often; only who is wrong is counted.
      const refusal = base.limits.byAddress('api', tenantId, facts.address);
      throw refusal ? tooMany(rateHeaders(refusal)) : error;
    }
  }

  async function tenantOf(name: string | undefined, here: Tenant): Promise<Tenant> {
    const tenant = name === undefined ? here : await base.tenantByName(decoded(name));
    if (!tenant?.enabled) throw new MqttFailure(404, CODES.unknownCall, 'there is no such tenant');
    return tenant;
  }

  async function signIn(tenant: Tenant, fields: Fields): Promise<Admission> {
    const guest = { ...namesOf(fields), password: textOf(fields, 'password'), address: addressOf(fields) };
    return devices.signIn(tenant.id, guest, base.tokenOf(tenant));
  }

  async function mayUse(tenant: Tenant, fields: Fields): Promise<Result> {
    const topic = textOf(fields, 'topic');
    const names = namesOf(fields);
    const word = textOf(fields, 'action', 'access', 'acc');
    if (word === '3' && fields['acc'] !== undefined) {
      const read = await devices.mayUse(tenant.id, names, 'sub', topic);
      return read === 'allow' ? devices.mayUse(tenant.id, names, 'pub', topic) : read;
    }
    const action = ACTIONS[word];
    if (!action) throw new MqttFailure(422, CODES.invalidField, 'action must be publish or subscribe');
    return devices.mayUse(tenant.id, names, action, topic);
  }

  async function answer(request: IncomingMessage, response: ServerResponse, here: Tenant, path: string) {
    const [, name, call = ''] = PATH.exec(path) ?? [];
    if (call === '') throw new MqttFailure(404, CODES.unknownCall, 'there is no such call; see docs/mqtt.md');
    if (request.method !== 'POST')
      throw new MqttFailure(
        405,
        CODES.unknownCall,
        'call it by POST: a password in an address is in every log',
        {
          Allow: 'POST',
        },
      );
    const tenant = await tenantOf(name, here);
    factsOf(request).tenantName = tenant.name;
    await admit(request, tenant.id);
    const asJson = (request.headers['content-type'] ?? '').toLowerCase().startsWith('application/json');
    const fields = fieldsOf(await bodyOf(request), asJson);
    if (RABBIT_CALLS.has(call)) {
      const said = await rabbitAnswer({ devices, exchange, signIn }, tenant, call as RabbitCall, fields);
      return send(request, response, 200, 'text/plain', said.words, said.reason);
    }
    const admission: Admission =
      call === 'auth'
        ? await signIn(tenant, fields)
        : call === 'acl'
          ? { result: await mayUse(tenant, fields), superuser: false }
          : await devices.standing(tenant.id, namesOf(fields));
    const { superuser, reason = admission.result === 'allow' ? undefined : 'acl' } = admission;
    const result = call === 'superuser' && !superuser ? 'deny' : admission.result;
    if (asJson)
      return send(
        request,
        response,
        200,
        'application/json',
        emqxAnswer({ ...admission, result }, call),
        reason,
      );
    return send(request, response, result === 'deny' ? 403 : 200, 'text/plain', result, reason);
  }

  return {
    async handle(request, response, tenant, path) {
      try {
        await answer(request, response, tenant, path);
      } catch (error) {
        const failure = failureOf(error);
        const { requestId } = factsOf(request);
        if (!failure) base.log.error({ err: error, requestId }, 'unexpected');
        const { status, code, message, headers } =
          failure ?? new MqttFailure(500, CODES.failed, 'something went wrong here');
        for (const [header, value] of Object.entries(headers)) response.setHeader(header, value);
        const body = JSON.stringify({ code: code.code, message });
        send(request, response, status, 'application/json', body, code.name);
      }
    },
    forgetApps: () => known.clear(),
  };
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new MqttFailure(400, CODES.malformed, 'the address can not be read');
  }
}

/** An answer in EMQX 5's words: what it does with each is in its documentation of the HTTP authenticator and authorizer. */
function emqxAnswer({ result, superuser, expiresAt, rules }: Admission, call: string): string {
  if (call !== 'auth' || result !== 'allow') return JSON.stringify({ result });
  return JSON.stringify({
    result,
    is_superuser: superuser,
    ...(expiresAt !== undefined && { expire_at: Math.floor(expiresAt / 1000) }),
    ...(rules !== undefined &&
      rules.length > 0 && {
        acl: rules.map(({ topic, action, access }) => ({
          permission: access,
          action: { pub: 'publish', sub: 'subscribe', pubsub: 'all' }[action],
          topic,
        })),
      }),
  });
}

/** @param reason why something was not allowed: the log's line has it; what was, is told at `debug` only. */
function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  reason: string | undefined,
): void {
  const facts = factsOf(request);
  if (reason === undefined) facts.routine = true;
  else facts.outcome = reason;
  response.writeHead(status, {
    'Content-Type': type === 'text/plain' ? 'text/plain; charset=utf-8' : type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Request-Id': facts.requestId,
  });
  response.end(body);
}

/** The whole body. @throws MqttFailure: 413 */
function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= LARGEST_BODY) return void chunks.push(chunk);
      request.pause();
      const close = { Connection: 'close' };
      reject(new MqttFailure(413, CODES.tooLarge, `the body may have ${LARGEST_BODY} bytes`, close));
    });
    request.once('end', () =>
      resolve((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString()),
    );
    request.once('error', reject);
  });
}

/** @throws MqttFailure: 400 */
function fieldsOf(body: string, asJson: boolean): Fields {
  if (!asJson) return parseForm(body);
  try {
    const value = parseJson<unknown>(body);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Fields;
  } catch {
    // said below
  }
  throw new MqttFailure(400, CODES.malformed, 'the body must be a JSON object, or a form');
}
