import { hash } from 'node:crypto';
import { StoreUnavailable } from '../kernel/errors.js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse as parseForm } from 'node:querystring';
import { LRUCache } from 'lru-cache';
import { parse as parseJson } from '../kernel/json.js';
import { isTooDeep } from '../kernel/json-depth.js';
import { factsOf } from '../kernel/request.js';
import type { Soon } from '../kernel/soon.js';
import { rateHeaders } from '../limits/index.js';
import type { Tenant } from '../tenants/index.js';
import { authenticate, demand } from './authenticate.js';
import type { Admission, Devices } from './devices.js';
import { addressOf, hasNul, namesOf, textOf, type Fields } from './fields.js';
import { MQTT_CODES as CODES, MqttFailure, tooMany, toFailure } from './failures.js';
import type { FrameBase } from './frame.js';
import { rabbitAnswer, refused, type RabbitCall } from './rabbit.js';
import type { AccessTokens } from './tokens.js';

export interface BrokerBase extends FrameBase {
  devices: Devices;
  /** RabbitMQ's exchange that MQTT's topics are in. */
  exchange: string;
  /** A tenant by its name, for brokers that call at another's host. */
  tenantByName(name: string): Promise<Tenant | undefined>;
  /** A tenant's access tokens. */
  tokensOf(tenant: Tenant): AccessTokens;
}

export interface Broker {
  handle(request: IncomingMessage, response: ServerResponse, tenant: Tenant, path: string): Promise<void>;
  /** Answers a call that did not get as far as its tenant. */
  fail(request: IncomingMessage, response: ServerResponse, error: unknown): void;
  /** Forgets which secrets were right: after a change to the apps. */
  forgetApps(): void;
}

/** `/mqtt/auth`, or `/mqtt/t/<tenant>/auth`. */
const PATH = /^\/mqtt(?:\/t\/([^/]+))?\/(auth|acl|superuser|user|vhost|resource|topic)$/;
const IS_JSON = /^application\/json\b/i;
const JSON_TYPE = 'application/json';
const TEXT = 'text/plain; charset=utf-8';

/** What a broker is told. */
interface Reply {
  status: number;
  type: string;
  body: string;
  /** Why something was not allowed: the log's line has it. What was, is told at `debug` only. */
  reason: string | undefined;
  headers?: Record<string, string>;
}

/** A name and a password of 65,535 bytes, percent-encoded. */
const LARGEST_BODY = 512 * 1024;
const APPS_KNOWN = 1000;
/** Other nodes forget an app when they see that the tenant has changed; this is the longest, should they not see it. */
const APPS_KNOWN_MS = 4000;

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
  let forgotten = 0;

  /** Lets in an app that has the right `broker`. @throws MqttFailure */
  function admit(request: IncomingMessage, { id: tenantId, version }: Tenant): Soon<void> {
    const facts = factsOf(request);
    const header = request.headers.authorization ?? '';
    // A changed app changes the tenant's version, on every node.
    const key = hash('sha256', `${tenantId} ${version} ${header}`, 'base64');
    const appId = known.get(key);
    if (appId !== undefined) return void (facts.clientId = appId);
    const before = forgotten;
    return authenticate(base, header, tenantId).then(
      (app) => {
        demand(app, 'broker');
        facts.clientId = app.appId;
        if (forgotten === before) known.set(key, app.appId); // else it may have changed while it was looked up
      },
      (error: unknown) => {
        // Brokers ask from one address, and often; only who is wrong is counted.
        const refusal = base.limits.byAddress('api', tenantId, facts.address);
        throw refusal ? tooMany(rateHeaders(refusal)) : error;
      },
    );
  }

  async function tenantNamed(name: string): Promise<Tenant> {
    const tenant = await base.tenantByName(decoded(name));
    if (!tenant?.enabled) throw new MqttFailure(404, CODES.unknownCall, 'there is no such tenant');
    return tenant;
  }

  function signIn(tenant: Tenant, fields: Fields): Promise<Admission> {
    const { username, clientid } = namesOf(fields);
    const guest = { username, clientid, password: textOf(fields, 'password'), address: addressOf(fields) };
    return devices.signIn(tenant.id, guest, base.tokensOf(tenant));
  }

  async function mayUse(tenant: Tenant, fields: Fields): Promise<Admission> {
    const topic = textOf(fields, 'topic');
    const names = namesOf(fields);
    const word = textOf(fields, 'action') || textOf(fields, 'access') || textOf(fields, 'acc');
    const bothWays = word === '3' && fields['acc'] !== undefined;
    const action = bothWays ? 'sub' : ACTIONS[word];
    if (!action) throw new MqttFailure(422, CODES.invalidField, 'action must be publish or subscribe');
    const tokens = base.tokensOf(tenant);
    let result = await devices.mayUse(tenant.id, names, action, topic, tokens);
    if (bothWays && result === 'allow') result = await devices.mayUse(tenant.id, names, 'pub', topic, tokens);
    return { result, superuser: false };
  }

  async function isSuperuser(tenant: Tenant, fields: Fields): Promise<Admission> {
    const { result, superuser } = await devices.standing(tenant.id, namesOf(fields), base.tokensOf(tenant));
    return { result: result === 'allow' && superuser ? 'allow' : 'deny', superuser };
  }

  const CALLS: Record<string, (tenant: Tenant, fields: Fields) => Promise<Admission>> = {
    auth: signIn,
    acl: mayUse,
    superuser: isSuperuser,
  };

  async function replyTo(call: string, tenant: Tenant, body: string, asJson: boolean): Promise<Reply> {
    const ask = CALLS[call];
    const fields = fieldsOf(body, asJson);
    const impossible = hasNul(body, fields);
    if (!ask) {
      const rabbit = { devices, exchange, signIn, tokensOf: base.tokensOf };
      const { words, reason } = impossible
        ? refused('name')
        : await rabbitAnswer(rabbit, tenant, call as RabbitCall, fields);
      return { status: 200, type: TEXT, body: words, reason };
    }
    const admission = impossible ? NO_SUCH_NAME : await ask(tenant, fields);
    const { result, reason = result === 'allow' ? undefined : 'acl' } = admission;
    return asJson
      ? { status: 200, type: JSON_TYPE, body: emqxAnswer(admission, call), reason }
      : { status: result === 'deny' ? 403 : 200, type: TEXT, body: result, reason };
  }

  async function answer(request: IncomingMessage, here: Tenant, path: string): Promise<Reply> {
    const [, name, call = ''] = PATH.exec(path) ?? [];
    if (call === '') throw new MqttFailure(404, CODES.unknownCall, 'there is no such call; see docs/mqtt.md');
    if (request.method !== 'POST') {
      const why = 'call it by POST: a password in an address is in every log';
      throw new MqttFailure(405, CODES.unknownCall, why, { Allow: 'POST' });
    }
    const tenant = name === undefined ? here : await tenantNamed(name);
    factsOf(request).tenantName = tenant.name;
    const admitted = admit(request, tenant);
    if (admitted) await admitted;
    const asJson = isJson(request);
    const body = bodyOf(request);
    return replyTo(call, tenant, typeof body === 'string' ? body : await body, asJson);
  }

  function replyToFailure(request: IncomingMessage, error: unknown): Reply {
    const { status, code, message, headers } = toFailure(error, base.log, request);
    // Nobody may come in because something failed here, or by a body that is too large, which is the device's doing: EMQX 5 takes
    // any status but 200 for "ask the next one", and at the end of its list allows what nobody denied.
    if (status >= 500 || code === CODES.tooLarge) {
      const reason = error instanceof StoreUnavailable ? error.message : code.name;
      return isJson(request)
        ? { status: 200, type: JSON_TYPE, body: DENIED, reason, headers }
        : { status, type: TEXT, body: 'deny', reason, headers };
    }
    const body = JSON.stringify({ code: code.code, message });
    return { status, type: JSON_TYPE, body, reason: code.name, headers };
  }

  return {
    handle: (request, response, tenant, path) =>
      answer(request, tenant, path).then(
        (reply) => send(request, response, reply),
        (error: unknown) => send(request, response, replyToFailure(request, error)),
      ),
    fail: (request, response, error) => send(request, response, replyToFailure(request, error)),
    forgetApps() {
      forgotten += 1;
      known.clear();
    },
  };
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new MqttFailure(400, CODES.malformed, 'the address can not be read');
  }
}

const isJson = ({ headers }: IncomingMessage): boolean => IS_JSON.test(headers['content-type'] ?? '');

const DENIED = JSON.stringify({ result: 'deny' });
const NO_SUCH_NAME: Admission = { result: 'deny', superuser: false, reason: 'name' };
const ADMITTED = JSON.stringify({ result: 'allow', is_superuser: false });

/** An answer in EMQX 5's words: what it does with each is in its documentation of the HTTP authenticator and authorizer. */
function emqxAnswer({ result, superuser, expiresAt, rules }: Admission, call: string): string {
  if (call !== 'auth' || result !== 'allow') return `{"result":"${result}"}`;
  if (!superuser && expiresAt === undefined && rules === undefined) return ADMITTED;
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

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, type, body, reason, headers }: Reply,
): void {
  const facts = factsOf(request);
  if (reason === undefined) facts.routine = true;
  else facts.outcome = reason;
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Request-Id': facts.requestId,
    ...headers,
  });
  response.end(body);
}

/** The whole body: at once where all of it came with the headers, as it does from brokers. @throws MqttFailure: 413 */
function bodyOf(request: IncomingMessage): Soon<string> {
  if (!request.complete || request.readableLength > LARGEST_BODY) return restOf(request);
  return (request.read() as Buffer | null)?.toString() ?? '';
}

/** A body that is still on its way. @throws MqttFailure: 413 */
function restOf(request: IncomingMessage): Promise<string> {
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
    request.on('end', () => resolve(Buffer.concat(chunks).toString()));
    request.on('error', reject);
  });
}

/** @throws MqttFailure: 400 */
function fieldsOf(body: string, asJson: boolean): Fields {
  if (!asJson) return parseForm(body);
  try {
    const value = isTooDeep(body) ? undefined : parseJson<unknown>(body);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Fields;
  } catch {
    // said below
  }
  throw new MqttFailure(400, CODES.malformed, 'the body must be a JSON object, or a form');
}
