import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { insertRows } from '../src/store/insert-rows.js';
import { openSweeper } from '../src/jobs/index.js';
import { OUTBOX_SEALED_COLUMNS, queueSealed } from '../src/jobs/index.js';
import { rewrap, MasterKey, tenantTransaction } from '../src/store/index.js';
import { STORES } from '../test/support/config.js';
import { APP, APP_SECRET, deviceApi } from '../test/support/devices.js';
import { basic } from '../test/support/http.js';
import { clientToken } from '../test/support/management.js';
import { stopPostgres } from '../test/support/postgres.js';
import { startServer, type TestServer } from '../test/support/server.js';

/**
 * The longest pause of `/livez` while each kind of long work runs: a thread of its own asks it again and again. The requests
 * that cause the work come from another thread, so that this one has nothing but the server.
 */
const SIZE = Number(process.env['SIZE'] ?? 100_000);
const USERS = Math.ceil(SIZE / 5);

/** Asks `/livez` until it is told to stop, and says how long the longest answer took, in milliseconds. */
const PROBE = `
const { parentPort, workerData } = require('node:worker_threads');
const http = require('node:http');
const agent = new http.Agent({ keepAlive: true });
let longest = 0, count = 0, ended = false;
parentPort.on('message', () => (ended = true));
function ask() {
  const began = performance.now();
  http.get(workerData, { agent }, (response) => {
    response.resume();
    response.on('end', () => {
      longest = Math.max(longest, performance.now() - began);
      count += 1;
      if (ended) { parentPort.postMessage({ longest, count }); agent.destroy(); parentPort.close(); }
      else setTimeout(ask, 1);
    });
  });
}
ask();`;

const REQUEST = `
const { parentPort, workerData: { url, body, ...options } } = require('node:worker_threads');
const { host, port, pathname, search } = new URL(url);
const headers = { host, ...options.headers };
require('node:http').request({ ...options, headers, host: '127.0.0.1', port, path: pathname + search }, (answer) => {
  let text = '';
  answer.on('data', (chunk) => (text = (text + chunk).slice(-200)));
  answer.on('end', () => parentPort.postMessage([answer.statusCode, text]));
}).end(body);`;

const onceFrom = <T>(worker: Worker): Promise<T> =>
  new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });

async function request(url: string, options: object): Promise<void> {
  const [status, text] = await onceFrom<[number, string]>(
    new Worker(REQUEST, { eval: true, workerData: { url, ...options } }),
  );
  if (status !== 200) throw new Error(`${url}: ${status} ${text}`);
}

/** How long this thread was ready to run and had no core, in milliseconds; 0 where the system does not tell. */
function waitedForCore(): number {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** Watches for the longest time between two turns of the event loop, without what others had the core meanwhile. */
function watchTurns(): () => number {
  let longest = 0;
  let [began, waited] = [performance.now(), waitedForCore()];
  const timer = setInterval(() => {
    const [now, waitedNow] = [performance.now(), waitedForCore()];
    longest = Math.max(longest, now - began - (waitedNow - waited));
    [began, waited] = [now, waitedNow];
  }, 1);
  return () => {
    clearInterval(timer);
    return longest;
  };
}

async function measure(server: TestServer, what: string, work: () => Promise<unknown>): Promise<void> {
  const probe = new Worker(PROBE, { eval: true, workerData: `${server.issuer}/livez` });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const turns = watchTurns();
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  delay.disable();
  const own = turns();
  probe.postMessage('end');
  const { longest } = await onceFrom<{ longest: number }>(probe);
  console.log(
    `  ${what.padEnd(36)} ${seconds.toFixed(1).padStart(6)} s   /livez at most ${longest.toFixed(0).padStart(5)} ms   event loop ${(delay.max / 1e6).toFixed(0).padStart(5)} ms, with a core ${own.toFixed(0).padStart(5)} ms`,
  );
}

const day = 86_400_000;

/** Artifacts of the provider, as many as asked for. */
const artifacts = (amount: number, expiresAt: number, accountId: string): Record<string, unknown>[] =>
  Array.from({ length: amount }, (_, n) => ({
    id: `bench-${accountId}-${n}`,
    model: 'AccessToken',
    payload: JSON.stringify({ padding: 'x'.repeat(400) }),
    account_id: accountId,
    client_id: 'bench',
    grant_id: `grant-${accountId}-${n % 1000}`,
    uid: `uid-${accountId}-${n}`,
    expires_at: expiresAt,
  }));

const usersOf = (amount: number, prefix: string): string =>
  Array.from({ length: amount }, (_, n) =>
    JSON.stringify({
      userName: `${prefix}-${n}`,
      nickName: `Person ${n}`,
      email: `${prefix}-${n}@example.com`,
    }),
  ).join('\n');

async function fill(server: TestServer, tenantId: string, rows: Record<string, unknown>[]): Promise<void> {
  const { store } = server.context;
  await store.transaction((trx) => insertRows(trx, 'oidc_artifacts', { tenant_id: tenantId }, rows));
}

for (const kind of STORES.filter((each) => (process.env['STORE'] ?? each) === each)) {
  const server = await startServer(
    kind,
    {},
    { limits: { enabled: false }, sweeper: { enabled: false }, server: { requestTimeoutSeconds: 300 } },
  );
  const { context, home, issuer } = server;
  const { store, vault, master, log } = context;
  const token = await clientToken(server, ['isms.all']);
  const headers = { authorization: `Bearer ${token}` };
  const ndjson = { ...headers, 'content-type': 'application/x-ndjson' };
  console.log(`${kind}, ${SIZE} rows`);

  await fill(server, home.tenant.id, artifacts(SIZE, Date.now() - day, 'nobody'));
  const sweeper = openSweeper(store, log, { enabled: false, intervalSeconds: 60 });
  await measure(server, 'sweeper', () => sweeper.sweep());

  const body = usersOf(USERS, 'home');
  await measure(server, `import of ${USERS} users`, () =>
    request(`${issuer}/api/User/Import`, { method: 'POST', headers: ndjson, body }),
  );
  for (const query of ['q.name=erson%201234', 'q.name=zzz', 'take=100&skip=10000', 'orderby=userName'])
    await measure(server, `GET /api/User?${query}`.slice(0, 36), () =>
      request(`${issuer}/api/User?${query}`, { headers }).catch((error: unknown) =>
        console.log(String(error)),
      ),
    );

  const sealed = Array.from({ length: SIZE / 10 }, (_, n) => ({ n }));
  await tenantTransaction(store, home.tenant.id, async (db) => {
    for (const each of sealed) await queueSealed(db, vault, 'bench', each);
  });
  const to = new MasterKey(randomBytes(32));
  await measure(server, `rewrap of ${sealed.length} rows`, () =>
    rewrap(store, vault, master, to, OUTBOX_SEALED_COLUMNS, { settle: 0 }),
  );

  const user = await server.addUser({ userName: 'erased' });
  await fill(server, home.tenant.id, artifacts(SIZE / 2, Date.now() + day, user.userKey));
  const seen = Array.from({ length: SIZE / 2 }, (_, n) => ({
    id: `bench-audit-${n}`,
    at: n,
    event: 'bench',
    result: 'success',
    actor: user.userKey,
    address: '192.0.2.1',
    detail: '{}',
  }));
  await store.transaction((trx) => insertRows(trx, 'audit', { tenant_id: home.tenant.id }, seen));
  await measure(server, `erasure of a user with ${SIZE} rows`, () =>
    request(`${issuer}/api/User/${user.id}?erase=true`, { method: 'DELETE', headers }).catch(
      (error: unknown) => console.log(String(error)),
    ),
  );

  const other = await server.addTenant('other', `other.localhost:${server.port}`);
  const token2 = await clientToken(server, ['isms.all'], other);
  await fill(server, other.id, artifacts(SIZE, Date.now() + day, 'somebody'));
  await request(`http://other.localhost:${server.port}/api/User/Import`, {
    method: 'POST',
    headers: { ...ndjson, authorization: `Bearer ${token2}` },
    body: usersOf(USERS, 'other'),
  });
  await measure(server, `deletion of a tenant with them`, () =>
    request(`${issuer}/api/Tenant/${other.id}?confirm=${other.name}`, { method: 'DELETE', headers }),
  );

  await deviceApi(server);
  const devices = JSON.stringify(
    Array.from({ length: SIZE }, (_, n) => ({ username: `device-${n}`, password: 'p' })),
  );
  await measure(server, `MQTT list of ${SIZE}`, () =>
    request(`${issuer}/api/v4/auth_username`, {
      method: 'POST',
      headers: { authorization: basic(APP, APP_SECRET), 'content-type': 'application/json' },
      body: devices,
    }),
  );
  await server.stop();
}
await stopPostgres();
