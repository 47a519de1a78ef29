import type { ServerResponse } from 'node:http';

export interface Readiness {
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  /** True from the first SIGTERM on. */
  draining(): boolean;
}

const PING_TIMEOUT_MS = 2000;

/**
 * `/livez`: the process runs. `/readyz`: it can serve, which a load balancer asks before it sends anything.
 * Undefined for every other path.
 */
export function answerHealth(
  readiness: Readiness,
  path: string,
  response: ServerResponse,
  requestId: string,
): Promise<void> | undefined {
  if (path === '/livez') return answer(response, requestId, undefined);
  if (path !== '/readyz') return undefined;
  return (readiness.draining() ? Promise.resolve('stopping') : problemOf(readiness.ping())).then((problem) =>
    answer(response, requestId, problem),
  );
}

async function answer(
  response: ServerResponse,
  requestId: string,
  problem: string | undefined,
): Promise<void> {
  response.writeHead(problem ? 503 : 200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Request-Id': requestId,
  });
  response.end(JSON.stringify(problem ? { status: 'unavailable', reason: problem } : { status: 'ok' }));
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
