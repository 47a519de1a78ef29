import { randomUUID } from 'node:crypto';
import type { Context, Middleware } from 'koa';
import { setFacts, type RequestFacts } from '../kernel/request.js';
import type { Origin } from '../kernel/forwarded.js';
import type { Log } from './log.js';

const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

/**
 * Gives each request an id (the caller's, where it is a plain one) and writes one line when its answer is out: what was
 * asked of which tenant by which client, how it ended, how long it took. The path only: queries carry codes and hints.
 */
export function requestLog(log: Log, readOrigin: (request: Context['req']) => Origin): Middleware {
  return async (ctx, next) => {
    const started = process.hrtime.bigint();
    const given = ctx.req.headers['x-request-id'];
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    const origin = readOrigin(ctx.req);
    const facts: RequestFacts = { requestId, address: origin.address };
    setFacts(ctx.req, facts);
    ctx.state['host'] = origin.host;
    ctx.set('X-Request-Id', requestId);
    // Interaction ids stand in the path of the sign-in pages; the log needs to know the page, not the person's id.
    const path = ctx.path.replace(/^(\/interaction|\/connect\/authorize|\/device)\/[^/]+/, '$1/:uid').slice(0, 200);
    ctx.res.once('close', () => {
      log.info(
        {
          requestId,
          tenant: facts.tenantName,
          client: facts.clientId,
          method: ctx.method,
          path,
          status: ctx.res.statusCode,
          outcome: facts.outcome ?? (ctx.res.writableFinished ? 'ok' : 'aborted'),
          ms: Number(process.hrtime.bigint() - started) / 1e6,
        },
        'request',
      );
    });
    await next();
  };
}
