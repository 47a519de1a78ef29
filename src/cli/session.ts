import type { Command } from 'commander';
import type { StoreContext } from '../store-context.js';
import type { TenantDb } from '../store/index.js';
import type { Tenant } from '../tenants/index.js';
import type { Io } from './io.js';

/** Opens what a command works with, and closes it whatever happens. */
export async function withContext<T>(
  { env, cwd }: Io,
  work: (context: StoreContext) => Promise<T>,
): Promise<T> {
  const { loadConfig } = await import('../config.js');
  const config = loadConfig(env, cwd);
  const { openStoreContext } = await import('../store-context.js');
  const context = await openStoreContext(config, { migrations: false, makes: false });
  try {
    return await work(context);
  } finally {
    await context.close();
  }
}

/** The tenant of `--tenant`, else the home tenant. @throws NotFound */
export async function tenantOf({ store }: StoreContext, name: string | undefined): Promise<Tenant> {
  const { findHomeTenant, findTenant } = await import('../tenants/store.js');
  const tenant = name === undefined ? await findHomeTenant(store.knex) : await findTenant(store.knex, name);
  if (tenant) return tenant;
  const { NotFound } = await import('../kernel/errors.js');
  throw new NotFound('tenant', 'there is no home tenant yet; start the server once: npx gatehouse serve');
}

/** The tables of the tenant of `--tenant`, for what is only read. @throws NotFound */
export async function tenantDbOf(context: StoreContext, name: string | undefined): Promise<TenantDb> {
  const { tenantDb } = await import('../store/index.js');
  return tenantDb(context.store.knex, (await tenantOf(context, name)).id);
}

/** A change to a tenant: one transaction, an audit row, and word to the running servers. */
export async function change<T>(
  context: StoreContext,
  tenant: Tenant,
  event: string,
  target: string,
  work: (db: TenantDb) => Promise<T>,
): Promise<T> {
  const { tenantTransaction } = await import('../store/index.js');
  const { touchTenant } = await import('../tenants/store.js');
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
export async function readSecret({ stdin }: Io): Promise<string> {
  let text = '';
  for await (const chunk of stdin) text += String(chunk);
  return text.replace(/\r?\n[\s\S]*$/, '');
}
