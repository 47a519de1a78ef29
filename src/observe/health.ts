import type { ServerResponse } from 'node:http';
import { StoreUnavailable } from '../kernel/errors.js';
import { endsWithin } from '../kernel/ends-within.js';
import type { Store } from '../store/index.js';

export interface Readiness {
  /** Resolves when the store takes writes; see storeProbe. */
  probe(): Promise<void>;
  /** True from the first SIGTERM on. */
  draining(): boolean;
}

const PROBE_TIMEOUT_MS = 2000;
/** How long a write that worked says that the store takes writes. */
const WORKED_FOR_MS = 2000;
/** The fact that the probe writes. */
const PROBE_KEY = 'probed_at';

/**
 * Asks the store whether it answers and takes writes. A read-only store answers queries, so only a write can tell; one
 * write each two seconds is enough for all who ask, and a failure is asked about again at once.
 */
export function storeProbe(store: Store): () => Promise<void> {
  let workedAt = -Infinity;
  let writing: Promise<void> | undefined;
  const write = async (): Promise<void> => {
    await store.meta.set(PROBE_KEY, String(Date.now()));
    workedAt = performance.now();
  };
  return async () => {
    if (performance.now() - workedAt < WORKED_FOR_MS) return store.ping();
    writing ??= write().finally(() => (writing = undefined));
    await writing;
  };
}

/** `/livez`: the process runs. `/readyz`: it can serve, which a load balancer asks before it sends anything. */
export async function answerHealth(
  readiness: Readiness,
  onlyLives: boolean,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  if (onlyLives) return answer(response, requestId, undefined);
  answer(response, requestId, readiness.draining() ? 'stopping' : await problemOf(readiness.probe()));
}

function answer(response: ServerResponse, requestId: string, problem: string | undefined): void {
  response.writeHead(problem ? 503 : 200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Request-Id': requestId,
  });
  response.end(JSON.stringify(problem ? { status: 'unavailable', reason: problem } : { status: 'ok' }));
}

const problemOf = (probe: Promise<void>): Promise<string | undefined> =>
  endsWithin(PROBE_TIMEOUT_MS, probe).then(
    (answered) => (answered ? undefined : 'the store does not answer'),
    (error: unknown) =>
      error instanceof StoreUnavailable
        ? `the store is not available: ${error.reason}`
        : 'the store can not be reached',
  );
