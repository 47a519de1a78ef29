import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { insertApiResource, newApiResource } from '../src/api-resources/index.js';
import { addClientSecret, clientSettings, insertClient, reservedAudiences } from '../src/clients/index.js';
import { loadConfig } from '../src/config.js';
import { openContext } from '../src/context.js';
import { ensureHome } from '../src/first-start.js';
import { BASE_ALGS } from '../src/kernel/algorithms.js';
import { addKeys } from '../src/oidc/index.js';
import { tenantDb } from '../src/store/index.js';
import { freePort } from '../test/support/ports.js';
import { startOnFirstCore, tokenRequest, type Repeated } from './measure.js';
import { createTenantAt } from '../test/support/tenants.js';

const SECRET = 'bench-secret-0123456789-0123456789-0123456789';

export interface ManyTenants {
  pid: number;
  port: number;
  /** A client credentials request of one of them. */
  request(tenant: string): Repeated;
  stop(): void;
}

/** A server as in production on the first core, with these tenants beside the home, each with its keys and one client. */
export async function startWithTenants(names: string[], config: object): Promise<ManyTenants> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-tenants-'));
  mkdirSync(join(folder, 'config'));
  writeFileSync(join(folder, 'config', 'production.json'), JSON.stringify(config));
  const port = await freePort();
  const env = { PORT: String(port), GATEHOUSE_DATA_DIR: folder, NODE_ENV: 'production', LOG_LEVEL: 'info' };
  const context = await openContext({ ...loadConfig(env, folder), log: { level: 'silent' } });
  await ensureHome(context);
  for (const name of names) {
    const { id } = await context.store.transaction(async (trx) => {
      const tenant = await createTenantAt(trx, name, `${name}.localhost:${port}`);
      const db = tenantDb(trx, tenant.id);
      await insertApiResource(db, newApiResource('bench', ['bench.read'], { audience: 'urn:bench' }));
      const settings = clientSettings({ grantTypes: ['client_credentials'], scopes: ['bench.read'] });
      await insertClient(
        db,
        { clientId: 'bench', clientName: 'bench', settings },
        reservedAudiences(() => 'mqtt'),
      );
      await addClientSecret(db, context.vault, 'bench', { secret: SECRET });
      return tenant;
    });
    await addKeys(context.store, context.vault, id, BASE_ALGS);
  }
  await context.close();
  const args = [resolve('dist/src/cli.js'), 'serve'];
  const { pid = 0 } = await startOnFirstCore(args, env, 'Gatehouse is ready', folder);
  return {
    pid,
    port,
    request: (tenant) => tokenRequest(port, tenant, SECRET, 'grant_type=client_credentials&scope=bench.read'),
    stop() {
      process.kill(pid, 'SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
