import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { StoreUnavailable } from '../kernel/errors.js';
import { endsWithin } from '../kernel/ends-within.js';
import { storeFailures, type Store } from '../store/index.js';

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
/** More than fits into what a full store has left: the rest of a page, or of a log that is written over. */
const LARGE_BYTES = 256 * 1024;

/**
 * Asks the store whether it answers and takes writes. A read-only store answers queries, so only a write can tell; one
 * write each two seconds is enough for all who ask; after a failure of any request it is asked again at once. A store that
 * is full may take a small write long after it has refused others: once it has refused one, only a large one shows that
 * it has room. While a large transaction of this process writes, a probe would only wait for its end.
 */
export function storeProbe(store: Store): () => Promise<void> {
  let workedAt = -Infinity;
  let before = storeFailures();
  let writing: Promise<void> | undefined;
  const write = async (): Promise<void> => {
    const failures = storeFailures();
    if (failures.refused > before.refused)
      await store.meta.set(PROBE_KEY, randomBytes(LARGE_BYTES / 2).toString('hex')); // no compression makes it small
    await store.meta.set(PROBE_KEY, String(Date.now()));
    before = failures;
    workedAt = performance.now();
  };
  return async () => {
    const { all, refused } = storeFailures();
    const works = performance.now() - workedAt < WORKED_FOR_MS && all === before.all;
    if (works || (store.inLargeTransaction() && refused === before.refused)) return store.ping();
    writing ??= write().finally(() => (writing = undefined));
    await writing;
  };
}

/** As all that cannot be served for now says it, in seconds. */
const RETRY_AFTER = '5';

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
    ...(problem !== undefined && { 'Retry-After': RETRY_AFTER }),
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
