import type { Middleware } from 'koa';

export interface Readiness {
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  /** True from the first SIGTERM on. */
  draining(): boolean;
}

const PING_TIMEOUT_MS = 2000;

/** `/livez`: the process runs. `/readyz`: it can serve, which a load balancer asks before it sends anything. */
export function health({ ping, draining }: Readiness): Middleware {
  return async (ctx, next) => {
    if (ctx.path === '/livez') {
      ctx.body = { status: 'ok' };
      return;
    }
    if (ctx.path !== '/readyz') return next();
    ctx.set('Cache-Control', 'no-store');
    const problem = draining() ? 'stopping' : await problemOf(ping());
    ctx.status = problem ? 503 : 200;
    ctx.body = problem ? { status: 'unavailable', reason: problem } : { status: 'ok' };
  };
}

async function problemOf(ping: Promise<void>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('the store does not answer'), PING_TIMEOUT_MS);
  });
  const answered = ping.then(
    () => undefined,
    () => 'the store can not be reached',
  );
  try {
    return await Promise.race([answered, late]);
  } finally {
    clearTimeout(timer);
  }
}
