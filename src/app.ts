import Koa, { type Context, type Middleware } from 'koa';
import type { Config } from './config.js';
import { demoRoutes } from './demo/index.js';
import { originReader, settleHeaders } from './kernel/forwarded.js';
import { renderPage, serveAsset } from './kernel/pages.js';
import { factsOf } from './kernel/request.js';
import { health, requestLog, type Readiness } from './observe/index.js';
import { documentPath, interactionRoutes, lookOf, openProviderPool, type OidcBase, type TenantRuntime } from './oidc/index.js';
import type { TenantDirectory } from './tenants/index.js';

export interface AppBase extends OidcBase {
  config: Config;
  directory: TenantDirectory;
  readiness: Readiness;
}

const runtimeOf = (ctx: Context): TenantRuntime => ctx.state['runtime'] as TenantRuntime;

/** The whole server as one Koa app; the steps of a request, in the order that they are taken. */
export function createApp(base: AppBase): Koa {
  const app = new Koa({ proxy: true }); // pickTenant leaves only checked values in the forwarded headers
  const interactions = interactionRoutes(base, runtimeOf);
  app.use(requestLog(base.log, originReader(base.config.trustProxy)));
  app.use(answerProblems(base));
  app.use(pickTenant(base));
  app.use(health(base.readiness));
  app.use(serveDocuments);
  app.use(serveAssets);
  app.use(serveFrontPage(base.config));
  if (base.config.demo) app.use(demoRoutes(runtimeOf).routes());
  app.use(interactions.routes());
  app.use(serveProvider);
  app.silent = true; // problems are logged by answerProblems, with the request's id
  return app;
}

/** An error that nobody expected: logged whole, answered with nothing but the request's id. */
function answerProblems({ log }: AppBase): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (err) {
      const status = (err as { status?: number }).status;
      const facts = factsOf(ctx.req);
      ctx.status = status !== undefined && status >= 400 && status < 500 ? status : 500;
      facts.outcome = ctx.status === 500 ? 'server_error' : 'bad_request';
      if (ctx.status === 500) log.error({ err, requestId: facts.requestId }, 'unexpected');
      ctx.body = { error: facts.outcome, request_id: facts.requestId };
    }
  };
}

/** The Host header picks the tenant. A host that is nobody's is 404 on every path; a disabled tenant is 403. */
function pickTenant({ directory, ...base }: AppBase): Middleware {
  const pool = openProviderPool(base);
  return async (ctx, next) => {
    const facts = factsOf(ctx.req);
    const tenant = await directory.byHost((ctx.state['host'] as string).toLowerCase());
    if (!tenant) {
      facts.outcome = 'unknown_host';
      ctx.status = 404;
      ctx.body = { error: 'not_found', error_description: 'no tenant has this host' };
      return;
    }
    facts.tenantId = tenant.id;
    facts.tenantName = tenant.name;
    if (!tenant.enabled) {
      facts.outcome = 'tenant_disabled';
      ctx.status = 403;
      ctx.body = { error: 'access_denied', error_description: 'the tenant is disabled' };
      return;
    }
    const issuer = new URL(tenant.issuer);
    settleHeaders(ctx.req, issuer, facts.address, facts.requestId);
    if (issuer.protocol === 'https:') ctx.set('Strict-Transport-Security', 'max-age=31536000');
    ctx.state['runtime'] = await pool.get(tenant);
    await next();
  };
}

const serveDocuments: Middleware = (ctx, next) => {
  const path = documentPath(ctx.path);
  if (path === undefined || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next();
  if (runtimeOf(ctx).documents.serve(ctx, path)) return undefined;
  if (ctx.path === path) return next();
  ctx.req.url = path;
  return next();
};

const serveAssets: Middleware = (ctx, next) => {
  if (!ctx.path.startsWith('/assets/')) return next();
  if (!serveAsset(ctx, lookOf(runtimeOf(ctx).tenant))) ctx.status = 404;
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

/** Everything else is the tenant's provider's. */
const serveProvider: Middleware = async (ctx) => {
  ctx.respond = false;
  ctx.res.statusCode = 404;
  await runtimeOf(ctx).handle(ctx.req, ctx.res);
};
