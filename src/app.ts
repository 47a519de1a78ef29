import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import Koa, { type Context, type Middleware } from 'koa';
import { isForDevelopment, type Config } from './config.js';
import { isThisMachine } from './kernel/addresses.js';
import type { Screen } from './messaging/index.js';
import { accountRoutes } from './account/index.js';
import { serveBlobs } from './blobs/index.js';
import { DEMO_CLIENT_ID, demoRoutes } from './demo/index.js';
import { serveDocs } from './docs-page.js';
import { StoreUnavailable } from './kernel/errors.js';
import { originReader, settleHeaders } from './kernel/forwarded.js';
import { renderPage, serveAsset, type Look } from './kernel/pages.js';
import { soon } from './kernel/soon.js';
import { factsOf, setFacts, type RequestFacts } from './kernel/request.js';
import { rateHeaders, type Area, type Refusal } from './limits/index.js';
import { openMqtt, type MqttBase } from './mqtt/index.js';
import { answerHealth, logRequest, requestIdOf, type Metrics, type Readiness } from './observe/index.js';
import {
  answerUnavailable,
  areaOf,
  documentPath,
  endpointOf,
  interactionRoutes,
  isProviderPath,
  lookOf,
  type OidcBase,
  type TenantRuntime,
} from './oidc/index.js';
import { apiDocument, managementApi, type Services } from './management.js';

export interface AppBase extends OidcBase, Services, Pick<MqttBase, 'lockout'> {
  readiness: Readiness;
  screen: Screen;
  /** Absent where nobody asks for them. */
  metrics: Metrics | undefined;
}

const HSTS = ['Strict-Transport-Security', 'max-age=31536000'];
/** A request's path, without its query. */
const pathOf = (url = ''): string => {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
};

const REFUSAL_WAIT_MS = 250;
const MOST_HELD = 500;

/** The tenant's runtime of a request that has passed the door. */
const runtimes = new WeakMap<IncomingMessage, TenantRuntime>();
const runtimeOfRequest = (request: IncomingMessage): TenantRuntime => runtimes.get(request) as TenantRuntime;
const runtimeOf = ({ req }: Context): TenantRuntime => runtimeOfRequest(req);

/**
 * The whole server. The door is plain functions, because every token request passes it, and what is known at once is not
 * waited for: who is asking, which tenant, which of its two faces. The protocol's paths go straight to the tenant's
 * provider, which is a Koa app; everything that a person looks at goes to the Koa app of the pages.
 */
export function createApp(base: AppBase): RequestListener {
  const readOrigin = originReader(base.config.trustProxy, base.config.mtls.header);
  const pages = pagesApp(base).callback();
  const management = managementApi(base, runtimeOfRequest);
  const mqtt = openMqtt({
    ...base,
    tenantIdOf: (request) => runtimeOfRequest(request).tenant.id,
    tenantByName: (name) => base.directory.byName(name),
    tokenOf: (tenant) => async (text) => (await base.pool.get(tenant)).liveToken(text),
  });

  function enter(
    request: IncomingMessage,
    response: ServerResponse,
    facts: RequestFacts,
    host: string,
  ): void | Promise<void> {
    return soon(base.directory.byHost(host.toLowerCase()), (tenant) => {
      if (!tenant) return refuse(response, facts, 404, 'unknown_host', 'no tenant has this host');
      facts.tenantName = tenant.name;
      if (!tenant.enabled) return refuse(response, facts, 403, 'tenant_disabled', 'the tenant is disabled');
      const path = pathOf(request.url);
      if (path.startsWith('/mqtt/')) return mqtt.handle(request, response, tenant, path);
      return (
        answerHealth(base.readiness, path, response, facts.requestId) ??
        soon(base.pool.get(tenant), (runtime) => face(request, response, facts, runtime, path))
      );
    });
  }

  function face(
    request: IncomingMessage,
    response: ServerResponse,
    facts: RequestFacts,
    runtime: TenantRuntime,
    path: string,
  ): void | Promise<void> {
    const common = ['X-Request-Id', facts.requestId, ...(runtime.secure ? HSTS : [])];
    const document = documentPath(path);
    if (document !== undefined) {
      if (runtime.documents.serve(request, response, document, common)) return void (facts.routine = true);
      request.url = document;
    }
    for (let n = 0; n < common.length; n += 2)
      response.setHeader(common[n] as string, common[n + 1] as string);
    settleHeaders(request, runtime.origin, facts.address, facts.requestId);
    runtimes.set(request, runtime);
    const area = areaOf(path, request.method);
    const refusal = area && base.limits.byAddress(area, runtime.tenant.id, facts.address);
    if (refusal) return tooMany(request, response, facts, refusal, area);
    if (area === 'api') return api(request, response, path);
    if (isProviderPath(path)) return runtime.handle(request, response);
    return pages(request, response);
  }

  /** The management API, or the one that EMQX's clients call, whose words are others. */
  const api = (request: IncomingMessage, response: ServerResponse, path: string): Promise<void> =>
    path.startsWith('/api/v4/') ? mqtt.api(request, response) : management(request, response);

  /** The store could not say which tenant or whose request it is; the interface that was called says it in its shape. */
  function unavailable(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
  ): void | Promise<void> {
    const { unavailable: error } = factsOf(request);
    if (path.startsWith('/mqtt/')) return mqtt.fail(request, response, error);
    if (areaOf(path, request.method) === 'api') return api(request, response, path);
    return pages(request, response);
  }

  let held = 0;
  /**
   * A person gets a page, a program the protocol's shape. Whoever asks too much hears so only after a moment, as far as
   * there is room to hold the answer: a flood that waits for its answers then comes to little, and leaves the others
   * their time.
   */
  function tooMany(
    request: IncomingMessage,
    response: ServerResponse,
    facts: RequestFacts,
    refusal: Refusal,
    area: Area,
  ): void | Promise<void> {
    const say = (): void | Promise<void> => {
      for (const [name, value] of Object.entries(rateHeaders(refusal))) response.setHeader(name, value);
      facts.retryAfter = refusal.retryAfter;
      if (area === 'authorize' || area === 'userCode') return pages(request, response);
      if (area === 'api') return api(request, response, pathOf(request.url));
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

  let inFlight = 0;
  return (request, response) => {
    const { address, host, certificate } = readOrigin(request);
    const facts: RequestFacts = {
      requestId: requestIdOf(request),
      address,
      startedAt: Date.now(),
      certificate,
    };
    setFacts(request, facts);
    const { method, url = '' } = request;
    const started = performance.now();
    const admitted = inFlight < base.config.server.maxInFlight;
    if (admitted) inFlight += 1;
    base.metrics?.began();
    response.on('close', () => {
      if (admitted) inFlight -= 1;
      const milliseconds = performance.now() - started;
      logRequest(base.log, { method, url, milliseconds }, response, facts);
      base.metrics?.ended(
        { tenant: facts.tenantName ?? '', endpoint: endpointOf(pathOf(url)), status: response.statusCode },
        milliseconds / 1000,
      );
    });
    if (!admitted) {
      response.setHeader('Retry-After', '1');
      return refuse(response, facts, 503, 'temporarily_unavailable', 'too many requests at once; try again');
    }
    const failed = (err: unknown): void | Promise<void> => {
      base.log.error({ err, requestId: facts.requestId }, 'unexpected');
      if (response.headersSent) response.destroy();
      else if (err instanceof StoreUnavailable && !facts.unavailable) {
        facts.unavailable = err;
        return unavailable(request, response, pathOf(url));
      } else
        refuse(
          response,
          facts,
          500,
          'server_error',
          'something went wrong here; the log has it under this request id',
        );
    };
    try {
      void enter(request, response, facts, host)?.catch(failed);
    } catch (error) {
      void failed(error);
    }
  };
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
  app.use(sayUnavailable);
  app.use(saySlowDown);
  app.use(serveAssets);
  app.use(serveFrontPage(base.config));
  app.use(serveBlobs(base.blobs, (ctx) => runtimeOf(ctx).tenant.id));
  app.use(serveOutbox(base));
  app.use(serveApiDocument);
  app.use(serveDocs(base.config.demo ? DEMO_CLIENT_ID : ''));
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
      if (ctx.status === 500) log.error({ err, requestId: facts.requestId }, 'unexpected');
      ctx.body = { error: facts.outcome, request_id: facts.requestId };
    }
  };
}

/** How the tenant's pages look; without its name where the store could not say which tenant it is. */
const lookAt = ({ req }: Context): Look => {
  const runtime = runtimes.get(req);
  return runtime ? lookOf(runtime.tenant) : { name: 'Gatehouse' };
};

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

/** `/dev/outbox`: what was shown instead of sent, to whoever sits at this machine. */
const serveOutbox =
  ({ config, screen }: AppBase): Middleware =>
  (ctx, next) => {
    if (ctx.path !== '/dev/outbox') return next();
    const { tenant } = runtimeOf(ctx);
    if (!isForDevelopment(config, tenant.issuer) || !isThisMachine(factsOf(ctx.req).address)) return next();
    const messages = screen
      .of(tenant.id)
      .map((shown) => ({ ...shown, at: new Date(shown.at).toISOString() }));
    renderPage(ctx, 'dev-outbox', { look: lookOf(tenant), data: { messages } });
    return undefined;
  };

/** `/openapi.json`: the management API of this tenant, for programs. */
const serveApiDocument: Middleware = (ctx, next) => {
  if (ctx.path !== '/openapi.json') return next();
  ctx.set({ 'Access-Control-Allow-Origin': '*', 'Cache-Control': 'public, max-age=60' });
  ctx.body = apiDocument(runtimeOf(ctx));
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
