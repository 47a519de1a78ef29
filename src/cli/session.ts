import type { Command } from 'commander';
import { loadConfig } from '../config.js';
import { openContext, type GatehouseContext } from '../context.js';
import { NotFound } from '../kernel/errors.js';
import { tenantTransaction, type TenantDb } from '../store/index.js';
import { findHomeTenant, findTenant, touchTenant, type Tenant } from '../tenants/index.js';

/** Opens what a command works with, and closes it whatever happens. */
export async function withContext<T>(work: (context: GatehouseContext) => Promise<T>): Promise<T> {
  const config = loadConfig();
  const context = await openContext({ ...config, log: { level: 'silent' } }, { migrations: false });
  try {
    return await work(context);
  } finally {
    await context.close();
  }
}

/** The tenant of `--tenant`, else the home tenant. @throws NotFound */
export async function tenantOf({ store }: GatehouseContext, name: string | undefined): Promise<Tenant> {
  const tenant = name === undefined ? await findHomeTenant(store.knex) : await findTenant(store.knex, name);
  if (!tenant)
    throw new NotFound('tenant', 'there is no home tenant yet; start the server once: npx gatehouse serve');
  return tenant;
}

/** A change to a tenant: one transaction, an audit row, and word to the running servers. */
export async function change<T>(
  context: GatehouseContext,
  tenant: Tenant,
  event: string,
  target: string,
  work: (db: TenantDb) => Promise<T>,
): Promise<T> {
  const answer = await tenantTransaction(context.store, tenant.id, work);
  await context.store.transaction((trx) => touchTenant(trx, tenant.id));
  await context.audit(tenant.id, { event, result: 'success', actor: 'cli', target });
  return answer;
}

/** The options of every command that works in one tenant. */
export const inTenant = (command: Command): Command =>
  command
    .option('--tenant <name>', 'the tenant (default: the home tenant)')
    .option('--json', 'answer in JSON');

/** Reads a secret from standard input, up to the first line's end. */
export async function readSecret(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) text += String(chunk);
  return text.replace(/\r?\n[\s\S]*$/, '');
}
