import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import Koa, { type Context, type Middleware } from 'koa';
import type { Config } from './config.js';
import type { Screen } from './messaging/index.js';
import { accountRoutes } from './account/index.js';
import { serveBlobs } from './blobs/serve.js';
import { demoRoutes } from './demo/index.js';
import { serveOutbox } from './dev-outbox.js';
import { serveDocs } from './docs-page.js';
import { endpointAt, type Endpoint } from './endpoints.js';
import type { Plane } from './gateway/index.js';
import { openAdmission, placeFor, type Overload } from './kernel/admission.js';
import { StoreUnavailable } from './kernel/errors.js';
import { originReader, settleHeaders } from './kernel/forwarded.js';
import { sendKept } from './kernel/kept-answer.js';
import { renderPage, serveAsset, type Look } from './kernel/pages.js';
import { soon } from './kernel/soon.js';
import { pathOf, settleTarget } from './kernel/target.js';
import { factsOf, hasLeft, setFacts, type RequestFacts } from './kernel/request.js';
import { whenClosed } from './kernel/when-closed.js';
import { rateHeaders, type Area, type Refusal } from './limits/index.js';
import { openMqtt, type MqttBase } from './mqtt/index.js';
import { answerHealth, logRequest, requestIdOf, type Metrics, type Readiness } from './observe/index.js';
import type { Tenant } from './tenants/index.js';
import {
  answerUnavailable,
  interactionRoutes,
  lookOf,
  type OidcBase,
  type TenantRuntime,
} from './oidc/index.js';
import { apiDocument, managementApi, type Services } from './management.js';

export interface AppBase extends OidcBase, Services, Pick<MqttBase, 'lockout' | 'passwordSignIns'> {
  readiness: Readiness;
  screen: Screen;
  /** Absent where nobody asks for them. */
  metrics: Metrics | undefined;
  plane: Pick<Plane, 'handle'>;
}

const HSTS = 'Strict-Transport-Security';
const A_YEAR = 'max-age=31536000';
const isHttps = (tenant: Tenant | undefined): boolean => tenant?.issuer.startsWith('https:') ?? false;

const REFUSAL_WAIT_MS = 250;
const MOST_HELD = 500;

/** The tenant's runtime of a request that has passed the door. */
const runtimes = new WeakMap<IncomingMessage, TenantRuntime>();
const runtimeOfRequest = (request: IncomingMessage): TenantRuntime => runtimes.get(request) as TenantRuntime;
const runtimeOf = ({ req }: Context): TenantRuntime => runtimeOfRequest(req);

/**
 * The whole server: the request listener in named steps. They are plain functions, because every token request passes them,
 * and what is known at once is not waited for: the target, the origin, the endpoint, room for the request, the tenant, the
 * limits. The protocol's paths go straight to the tenant's provider, which is a Koa app; everything that a person looks at
 * goes to the Koa app of the pages.
 */
export function createApp(base: AppBase): RequestListener {
  const hsts = base.config.server.hstsIncludeSubDomains ? `${A_YEAR}; includeSubDomains` : A_YEAR;
  const readOrigin = originReader(base.config.trustProxy, base.config.mtls.header);
  const pages = pagesApp(base).callback();
  const management = managementApi(base, runtimeOfRequest, lookOfRequest);
  const mqtt = openMqtt({
    ...base,
    tenantIdOf: (request) => runtimeOfRequest(request).tenant.id,
    tenantByName: (name) => base.directory.byName(name),
    tokensOf: (tenant) => ({
      read: async (text) => (await base.pool.get(tenant)).liveToken(text),
      stillLive: async (token) => (await base.pool.get(tenant)).stillLive(token),
    }),
  });

  /** The tenant by its host, and from there to what answers at the endpoint. */
  function enter(call: Call, host: string): void | Promise<void> {
    const { request, response, facts, endpoint } = call;
    return soon(base.directory.byHost(host.toLowerCase()), (tenant) => {
      if (!tenant) return refuse(response, facts, 404, 'unknown_host', 'no tenant has this host');
      facts.tenantName = tenant.name;
      if (isHttps(tenant)) response.setHeader(HSTS, hsts);
      if (!tenant.enabled) return refuse(response, facts, 403, 'tenant_disabled', 'the tenant is disabled');
      if (endpoint.face === 'brokers') return mqtt.handle(request, response, tenant, call.path);
      if (endpoint.face === 'gateway') return base.plane.handle(request, response, tenant, facts);
      return soon(base.pool.get(tenant), (runtime) => serve(call, runtime));
    });
  }

  function serve(call: Call, runtime: TenantRuntime): void | Promise<void> {
    const { request, response, facts, endpoint } = call;
    const common = ['X-Request-Id', facts.requestId];
    const area = (request.method === 'POST' ? endpoint.postArea : undefined) ?? endpoint.area;
    const refusal = area && base.limits.byAddress(area, runtime.tenant.id, facts.address);
    if (endpoint.document !== undefined && !refusal) {
      if (runtime.documents.serve(request, response, endpoint.document, common))
        return void (facts.routine = true);
      request.url = endpoint.document;
    }
    for (let n = 0; n < common.length; n += 2)
      response.setHeader(common[n] as string, common[n + 1] as string);
    settleHeaders(request, runtime.origin, facts.address, facts.requestId);
    runtimes.set(request, runtime);
    if (refusal) return tooMany(call, refusal, area);
    return answer(call, runtime);
  }

  /** A request that has passed all checks, to the part of the program that answers at its endpoint. */
  function answer(
    { request, response, facts, endpoint }: Call,
    runtime: TenantRuntime,
  ): void | Promise<void> {
    switch (endpoint.face) {
      case 'provider':
        return runtime.handle(request, response);
      case 'management':
        return management(request, response);
      case 'devices':
        return mqtt.api(request, response);
      case 'nowhere':
        return refuse(response, facts, 404, 'not_found', 'nothing answers at this path; check its spelling');
      default:
        return pages(request, response);
    }
  }

  /** The store could not say which tenant or whose request it is; the interface that was called says it in its shape. */
  function unavailable({ request, response, endpoint }: Call): void | Promise<void> {
    switch (endpoint.face) {
      case 'devices':
        return mqtt.api(request, response);
      case 'management':
        return management(request, response);
      default:
        return pages(request, response);
    }
  }

  let held = 0;
  /**
   * A person gets a page, a program the protocol's shape. Whoever asks too much hears so only after a moment, as far as
   * there is room to hold the answer: a flood that waits for its answers then comes to little, and leaves the others
   * their time.
   */
  function tooMany(call: Call, refusal: Refusal, area: Area): void | Promise<void> {
    const { request, response, facts, endpoint } = call;
    const say = (): void | Promise<void> => {
      for (const [name, value] of Object.entries(rateHeaders(refusal))) response.setHeader(name, value);
      facts.retryAfter = refusal.retryAfter;
      if (area === 'authorize' || area === 'userCode' || endpoint.face === 'pages')
        return pages(request, response);
      if (endpoint.face === 'devices') return mqtt.api(request, response);
      if (endpoint.face === 'management') return management(request, response);
      const what = `too many requests of this ${refusal.dimension}; wait ${refusal.retryAfter} s`;
      return refuse(response, facts, 429, 'too_many_requests', what);
    };
    if (held >= MOST_HELD) return say();
    held += 1;
    return new Promise<void>((resolve) => setTimeout(resolve, REFUSAL_WAIT_MS)).then(() => {
      held -= 1;
      return response.destroyed ? undefined : say();
    });
  }

  function failed(call: Call, err: unknown): void | Promise<void> {
    const { request, response, facts, endpoint } = call;
    if (endpoint.face === 'brokers' && !response.headersSent) return mqtt.fail(request, response, err);
    base.log[hasLeft(request) ? 'info' : 'error']({ err, requestId: facts.requestId }, 'unexpected');
    if (response.headersSent) return void response.destroy();
    if (err instanceof StoreUnavailable && endpoint.face === 'gateway') return refuseWithoutStore(call, err);
    if (err instanceof StoreUnavailable && !facts.unavailable) {
      facts.unavailable = err;
      return unavailable(call);
    }
    const what = 'something went wrong here; the log has it under this request id';
    refuse(response, facts, 500, 'server_error', what);
  }

  function begin(call: Call, host: string): void {
    try {
      void enter(call, host)?.catch((error: unknown) => failed(call, error));
    } catch (error) {
      void failed(call, error);
    }
  }

  /** Counts a request, and writes its line when its answer is out or its connection has closed. */
  function observe(
    { request: { method, url = '' }, response, facts, endpoint }: Call,
    left: () => void,
  ): void {
    const started = performance.now();
    base.metrics?.began();
    whenClosed(response, () => {
      left();
      const milliseconds = performance.now() - started;
      logRequest(base.log, facts.asked ?? { method, url }, milliseconds, response, facts);
      base.metrics?.ended(
        { tenant: facts.tenantName ?? '', endpoint: endpoint.name, status: response.statusCode },
        milliseconds / 1000,
      );
    });
  }

  const admission = openAdmission(base.config.server);
  return (request, response) => {
    const readable = settleTarget(request);
    const { address, host, certificate } = readOrigin(request);
    const facts: RequestFacts = {
      requestId: requestIdOf(request),
      address,
      startedAt: Date.now(),
      certificate,
    };
    setFacts(request, facts);
    // Before anything can refuse the request.
    if (isHttps(base.directory.peek(host.toLowerCase()))) response.setHeader(HSTS, hsts);
    const path = pathOf(request.url);
    const call: Call = { request, response, facts, path, endpoint: endpointAt(path) };
    const place = placeFor(request);
    observe(call, () => admission.leave(place));
    if (!readable) return refuse(response, facts, 400, 'invalid_request', 'name the host once, in one way');
    // What asks whether the process lives gets its answer however much there is to do, and at whatever host: a probe may know
    // the process by its address alone, and the answer says nothing of a tenant.
    if (call.endpoint.face === 'health')
      return void answerHealth(base.readiness, path === '/livez', response, facts.requestId);
    // Streams go on for as long as both sides want: the gateway has limits of its own.
    if (call.endpoint.face === 'gateway') return begin(call, host);
    admission.enter(place, address, (overload) => {
      if (overload === undefined) begin(call, host);
      else refuseOverload(call, overload);
    });
  };
}

/** A request, and what was found out about it before a tenant's part of the program sees it. */
interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  facts: RequestFacts;
  path: string;
  endpoint: Endpoint;
}

function refuseWithoutStore({ response, facts }: Call, { retryAfter, message }: StoreUnavailable): void {
  response.setHeader('Retry-After', String(retryAfter));
  refuse(response, facts, 503, 'temporarily_unavailable', message);
}

function refuseOverload({ response, facts }: Call, overload: Overload): void {
  response.setHeader('Retry-After', '1');
  if (overload === 'requests')
    return refuse(response, facts, 503, 'temporarily_unavailable', 'too many requests at once; try again');
  response.shouldKeepAlive = false; // the rest of the body is not read
  const what = 'too many bodies of this address are on their way; send each whole, or wait';
  refuse(response, facts, 429, 'too_many_requests', what);
}

/** Answers a request that no tenant's face answers. */
function refuse(
  response: ServerResponse,
  facts: RequestFacts,
  status: number,
  outcome: string,
  description: string,
): void {
  facts.outcome = outcome;
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Request-Id': facts.requestId,
  });
  response.end(
    JSON.stringify({ error: outcome, error_description: description, request_id: facts.requestId }),
  );
}

/** What a person looks at, as one Koa app. */
function pagesApp(base: AppBase): Koa {
  const app = new Koa({ proxy: true }); // the door leaves only checked values in the forwarded headers
  app.silent = true; // answerProblems logs, with the request's id
  app.use(answerProblems(base));
  app.use(sayNotFound);
  app.use(sayUnavailable);
  app.use(saySlowDown);
  app.use(serveAssets);
  app.use(serveFrontPage(base.config));
  app.use(serveBlobs(base.blobs, (ctx) => runtimeOf(ctx).tenant.id));
  app.use(serveOutbox(base, runtimeOf));
  app.use(serveApiDocument);
  app.use(serveDocs());
  if (base.config.demo) app.use(demoRoutes(runtimeOf).routes());
  app.use(interactionRoutes(base, runtimeOf).routes());
  app.use(accountRoutes(base, runtimeOf).routes());
  return app;
}

/** An error that nobody expected: logged whole, answered with nothing but the request's id. */
function answerProblems({ log }: AppBase): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (err) {
      const { status = 500 } = err as { status?: number };
      const facts = factsOf(ctx.req);
      if (err instanceof StoreUnavailable) {
        if (!facts.unavailable) log.error({ err, requestId: facts.requestId }, 'unexpected');
        return answerUnavailable(ctx, err, lookAt(ctx));
      }
      ctx.status = status >= 400 && status < 500 ? status : 500;
      facts.outcome = ctx.status === 500 ? 'server_error' : 'bad_request';
      if (ctx.status === 500)
        log[hasLeft(ctx.req) ? 'info' : 'error']({ err, requestId: facts.requestId }, 'unexpected');
      ctx.body = { error: facts.outcome, request_id: facts.requestId };
    }
  };
}

/** A page for a person who opens a path at which nothing is; a program gets the status and plain text. */
const sayNotFound: Middleware = async (ctx, next) => {
  await next();
  const isMissing = ctx.status === 404 && ctx.body == null && ctx.respond !== false;
  if (!isMissing || ctx.accepts('text/plain', 'text/html') !== 'text/html') return;
  renderPage(ctx, 'not-found', { look: lookAt(ctx) });
  ctx.status = 404;
};

/** How the tenant's pages look; without its name where the store could not say which tenant it is. */
const lookOfRequest = (request: IncomingMessage): Look => {
  const runtime = runtimes.get(request);
  return runtime ? lookOf(runtime.tenant) : { name: 'Gatehouse' };
};
const lookAt = ({ req }: Context): Look => lookOfRequest(req);

const sayUnavailable: Middleware = (ctx, next) => {
  const { unavailable } = factsOf(ctx.req);
  if (unavailable) throw unavailable;
  return next();
};

/** The page for a person whose address has asked too often. */
const saySlowDown: Middleware = (ctx, next) => {
  const facts = factsOf(ctx.req);
  if (facts.retryAfter === undefined) return next();
  facts.outcome = 'too_many_requests';
  ctx.status = 429;
  renderPage(ctx, 'slow-down', {
    look: lookOf(runtimeOf(ctx).tenant),
    data: { seconds: String(facts.retryAfter) },
  });
  return undefined;
};

const serveAssets: Middleware = (ctx, next) => {
  if (!ctx.path.startsWith('/assets/')) return next();
  if (!serveAsset(ctx, lookOf(runtimeOf(ctx).tenant))) ctx.status = 404;
  return undefined;
};

/** `/openapi.json`: the management API of this tenant, for programs. */
const serveApiDocument: Middleware = (ctx, next) => {
  if (ctx.path !== '/openapi.json') return next();
  ctx.respond = false;
  sendKept(ctx.req, ctx.res, apiDocument(runtimeOf(ctx)));
  return undefined;
};

/** `/`: what this is and where things are, for whoever opens the address in a browser. */
const serveFrontPage =
  ({ demo }: Config): Middleware =>
  (ctx, next) => {
    if (ctx.path !== '/') return next();
    const { tenant } = runtimeOf(ctx);
    renderPage(ctx, 'front', { look: lookOf(tenant), data: { issuer: tenant.issuer, demo } });
    return undefined;
  };
