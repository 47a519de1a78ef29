import { randomBytes } from 'node:crypto';
import { findClient, insertClient, insertManagementClient, updateClientSettings } from './clients/index.js';
import { ConfigError } from './config.js';
import type { GatehouseContext } from './context.js';
import { DEMO_CLIENT_ID, demoClient } from './demo/index.js';
import { DOCS_REDIRECT } from './docs-page.js';
import { Conflict, NotFound } from './kernel/errors.js';
import { insertApp } from './mqtt/index.js';
import { addKeys, BASE_ALGS } from './oidc/index.js';
import { tenantDb, tenantTransaction } from './store/index.js';
import {
  createTenant,
  hostsOf,
  findHomeTenant,
  moveTenant,
  touchTenant,
  type Tenant,
} from './tenants/index.js';
import { insertUser, WeakPassword } from './users/index.js';

/** What was made on the first start; a secret that the environment gave is not here. */
export interface FirstSecrets {
  adminPassword?: string;
  clientSecret?: string;
  mqttAppSecret?: string;
}

export interface Home {
  tenant: Tenant;
  /** Present on the first start only. */
  made?: FirstSecrets;
}

const HOME_NAME = 'Gatehouse';

/**
 * The home tenant, made on the first start with its keys, an administrator and a management client. Two processes that
 * start together on an empty store make one. On later starts it follows the configured issuer.
 */
export async function ensureHome(context: GatehouseContext): Promise<Home> {
  const found = await findHomeTenant(context.store.knex);
  const home = found ? { tenant: await follow(context, found) } : await makeHome(context);
  if (context.config.demo) await ensureDemo(context, home.tenant);
  return home;
}

async function makeHome(context: GatehouseContext): Promise<Home> {
  const { config, store, vault, passwords } = context;
  const adminPassword = config.admin.password ?? randomBytes(12).toString('base64url');
  const passwordHash = await passwords.hash(adminPassword, [config.admin.user]).catch((error: unknown) => {
    throw error instanceof WeakPassword
      ? new ConfigError('GATEHOUSE_ADMIN_PASSWORD', `the password ${error.message}`)
      : error;
  });
  try {
    const made = await store.transaction(async (trx) => {
      const tenant = await createTenant(trx, {
        name: HOME_NAME,
        issuer: config.issuer,
        hosts: hostsOf(config.issuer),
        home: true,
      });
      const db = tenantDb(trx, tenant.id);
      const nickName = 'Administrator';
      await insertUser(
        db,
        { userName: config.admin.user, nickName, roles: ['administrator', 'user'] },
        passwordHash,
      );
      const { id, secret } = config.client;
      const clientSecret = await insertManagementClient(db, vault, id, secret);
      const { appId, appSecret } = config.mqtt;
      const mqttAppSecret = await insertApp(db, vault, {
        appId,
        ...(appSecret !== undefined && { secret: appSecret }),
      });
      return { tenant, clientSecret, mqttAppSecret };
    });
    await addKeys(store, vault, made.tenant.id, BASE_ALGS);
    return {
      tenant: made.tenant,
      made: {
        ...(config.admin.password === undefined && { adminPassword }),
        ...(config.client.secret === undefined && { clientSecret: made.clientSecret }),
        ...(config.mqtt.appSecret === undefined && { mqttAppSecret: made.mqttAppSecret }),
      },
    };
  } catch (error) {
    const other = error instanceof Conflict ? await findHomeTenant(store.knex) : undefined;
    if (!other) throw error;
    return { tenant: other };
  }
}

async function follow({ config, store }: GatehouseContext, tenant: Tenant): Promise<Tenant> {
  if (tenant.issuer === config.issuer) return tenant;
  await store.transaction((trx) => moveTenant(trx, tenant, config.issuer));
  return (await findHomeTenant(store.knex)) as Tenant;
}

/** The demo's registration is the program's own, so it follows the program and the issuer. */
async function ensureDemo({ store }: GatehouseContext, tenant: Tenant): Promise<void> {
  const wanted = demoClient(tenant.issuer, DOCS_REDIRECT);
  const current = await findClient(tenantDb(store.knex, tenant.id), DEMO_CLIENT_ID).catch(
    (error: unknown) => {
      if (error instanceof NotFound) return undefined;
      throw error;
    },
  );
  if (JSON.stringify(current?.settings) === JSON.stringify(wanted.settings)) return;
  await tenantTransaction(store, tenant.id, async (db) => {
    if (current) await updateClientSettings(db, DEMO_CLIENT_ID, wanted.settings);
    else await insertClient(db, wanted);
  }).catch((error: unknown) => {
    if (!(error instanceof Conflict)) throw error; // another process that starts just now has made it
  });
  await store.transaction((trx) => touchTenant(trx, tenant.id));
}
