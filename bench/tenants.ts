import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { insertApiResource, newApiResource } from '../src/api-resources/index.js';
import { addClientSecret, clientSettings, insertClient } from '../src/clients/index.js';
import { loadConfig } from '../src/config.js';
import { openContext } from '../src/context.js';
import { ensureHome } from '../src/first-start.js';
import { addKeys, BASE_ALGS } from '../src/oidc/index.js';
import { tenantDb } from '../src/store/index.js';
import { createTenantAt } from '../src/tenants/index.js';
import { freePort } from '../test/support/ports.js';
import { load, median, pinLoad, startOnFirstCore, tokenRequest, type Repeated } from './measure.js';

/**
 * Tokens spread over a thousand tenants in one process next to tokens of one of them, taking turns, and the memory that
 * it takes.
 */
const TENANTS = Number(process.env['TENANTS'] ?? 1000);
const ROUNDS = 5;
const AMOUNT = 6000;
const SECRET = 'bench-secret-0123456789-0123456789-0123456789';
const UNLIMITED = 1_000_000_000;

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-tenants-'));
mkdirSync(join(folder, 'config'));
writeFileSync(
  join(folder, 'config', 'production.json'),
  JSON.stringify({
    tenants: { cached: TENANTS + 10 },
    limits: { token: { tenant: UNLIMITED, client: UNLIMITED, address: UNLIMITED } },
  }),
);
const port = await freePort();
const env = { PORT: String(port), GATEHOUSE_DATA_DIR: folder, NODE_ENV: 'production', LOG_LEVEL: 'info' };

const context = await openContext({ ...loadConfig(env, folder), log: { level: 'silent' } });
await ensureHome(context);
for (let n = 0; n < TENANTS; n++) {
  const { id } = await context.store.transaction(async (trx) => {
    const tenant = await createTenantAt(trx, `tenant-${n}`, `t${n}.localhost:${port}`);
    const db = tenantDb(trx, tenant.id);
    await insertApiResource(db, newApiResource('bench', ['bench.read']));
    const settings = clientSettings({ grantTypes: ['client_credentials'], scopes: ['bench.read'] });
    await insertClient(db, { clientId: 'bench', clientName: 'bench', settings });
    await addClientSecret(db, context.vault, 'bench', { secret: SECRET });
    return tenant;
  });
  await addKeys(context.store, context.vault, id, BASE_ALGS);
}
await context.close();

const requestOf = (tenant: number): Repeated =>
  tokenRequest(port, `t${tenant}`, SECRET, 'grant_type=client_credentials&scope=bench.read');
const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

pinLoad();
const { pid = 0 } = await startOnFirstCore(
  [resolve('dist/src/cli.js'), 'serve'],
  env,
  'Gatehouse is ready',
  folder,
);
try {
  const spread = Array.from({ length: TENANTS }, (_, n) => requestOf(n));
  await load(pid, spread, TENANTS * 2); // makes every tenant's provider
  await load(pid, requestOf(0), 4000);
  const samples = { one: [] as number[], all: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    samples.one.push((await load(pid, requestOf(0), AMOUNT)).cpuMicros);
    samples.all.push((await load(pid, spread, AMOUNT)).cpuMicros);
  }
  const [one, all] = [median(samples.one), median(samples.all)];
  console.log(`client credentials, JWT ES256, ${TENANTS} tenants in one process`);
  console.log(`  one tenant       ${one.toFixed(0)} µs CPU a request`);
  console.log(
    `  spread over all  ${all.toFixed(0)} µs CPU a request, ${(all / one).toFixed(2)} of one's (aim 1.5)`,
  );
  console.log(`  resident         ${residentMiB(pid).toFixed(0)} MiB (aim 300)`);
} finally {
  process.kill(pid, 'SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
