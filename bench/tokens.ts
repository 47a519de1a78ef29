import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { insertApiResource, newApiResource } from '../src/api-resources/index.js';
import { addClientSecret, clientSettings, insertClient } from '../src/clients/index.js';
import { loadConfig } from '../src/config.js';
import { openContext } from '../src/context.js';
import { ensureHome } from '../src/first-start.js';
import { tenantTransaction } from '../src/store/index.js';
import { touchTenant } from '../src/tenants/index.js';
import { freePort } from '../test/support/ports.js';
import { compare, pinLoad, startOnFirstCore, type Repeated } from './measure.js';

/**
 * Client credentials against a bare in-memory oidc-provider, in the same run, taking turns.
 * `npm run bench -- jwt` measures only that format.
 */
const SECRET = 'bench-secret-0123456789-0123456789-0123456789';
const authorization = `Basic ${Buffer.from(`bench:${SECRET}`).toString('base64')}`;
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));

const request = (port: number, scope: string): Repeated => ({
  url: `http://localhost:${port}/connect/token`,
  method: 'POST',
  headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
  body: `grant_type=client_credentials&scope=${scope}`,
});

/** `PROFILE=<folder>` writes a CPU profile of each server there. */
const profiling = (name: string): string[] =>
  process.env['PROFILE'] ? ['--cpu-prof', `--cpu-prof-dir=${process.env['PROFILE']}/${name}`] : [];

async function startGatehouse(): Promise<{ pid: number; port: number }> {
  const port = await freePort();
  const env = { PORT: String(port), GATEHOUSE_DATA_DIR: folder, LOG_LEVEL: 'info' };
  const context = await openContext({ ...loadConfig(env, folder), log: { level: 'silent' } });
  const { tenant } = await ensureHome(context);
  await tenantTransaction(context.store, tenant.id, async (db) => {
    await insertApiResource(db, newApiResource('jwt', ['jwt.read']));
    await insertApiResource(db, newApiResource('opaque', ['opaque.read'], { accessTokenFormat: 'opaque' }));
    const settings = clientSettings({
      grantTypes: ['client_credentials'],
      scopes: ['jwt.read', 'opaque.read'],
    });
    await insertClient(db, { clientId: 'bench', clientName: 'bench', settings });
    await addClientSecret(db, context.vault, 'bench', { secret: SECRET });
  });
  await context.store.transaction((trx) => touchTenant(trx, tenant.id));
  await context.close();
  const child = await startOnFirstCore(
    [...profiling('gatehouse'), 'dist/src/cli.js', 'serve'],
    { ...env, NODE_ENV: 'production' },
    'Gatehouse is ready',
  );
  return { pid: child.pid as number, port };
}

async function startBare(format: 'jwt' | 'opaque'): Promise<{ pid: number; port: number }> {
  const port = await freePort();
  const args = [...profiling('bare'), '--import', 'tsx', 'bench/bare.ts'];
  const child = await startOnFirstCore(
    args,
    { PORT: String(port), FORMAT: format, SECRET, NODE_ENV: 'production' },
    'ready',
  );
  return { pid: child.pid as number, port };
}

pinLoad();
const pids: number[] = [];
try {
  const ours = await startGatehouse();
  pids.push(ours.pid);
  for (const [format, title] of [
    ['jwt', 'client credentials, JWT ES256'],
    ['opaque', 'client credentials, opaque (durable here, in memory there)'],
  ] as const) {
    if (process.argv[2] !== undefined && process.argv[2] !== format) continue;
    const bare = await startBare(format);
    pids.push(bare.pid);
    const bareRequest = { ...request(bare.port, 'bench.read'), url: `http://localhost:${bare.port}/token` };
    await compare(
      title,
      { name: 'gatehouse', pid: ours.pid, request: request(ours.port, `${format}.read`) },
      { name: 'bare', pid: bare.pid, request: bareRequest },
    );
  }
} finally {
  for (const pid of pids) process.kill(pid, 'SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
