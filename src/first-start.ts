import { randomBytes } from 'node:crypto';
import { checkCodegenConfig } from './codegen/generators/settings.js';
import { reservationOf } from './api-resources/index.js';
import { checkClientId, clientsWithBuiltInIds, isBuiltInClient, reservedAudiences } from './clients/index.js';
import type { Config } from './config.js';
import type { GatehouseContext, OpeningContext } from './context.js';
import { ConfigError, Conflict, Invalid, ProductError } from './kernel/errors.js';
import { insertApp } from './mqtt/index.js';
import { makeFirstKeys } from './oidc/index.js';
import { builtInRoles } from './roles/index.js';
import { checkStrength } from './secrets/index.js';
import { decodeMasterKey, tenantDb, type Store } from './store/index.js';
import {
  checkHomeIssuer,
  findHomeTenant,
  hostsOf,
  makeTenant,
  moveTenant,
  type Tenant,
} from './tenants/index.js';
import { checkNoSubject, checkUserName, insertUser, takenByClient, WeakPassword } from './users/index.js';

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
  for (const { tenant, clientId } of await clientsWithBuiltInIds(context.store.knex))
    context.log.warn({ tenant, clientId }, 'a client has an id of the server’s own; see gatehouse doctor');
  return home;
}

/** Refuses values that no start can work with, which more decides than their shape. @throws ConfigError */
export function checkConfig(config: Config): void {
  const { newMasterKey, issuer } = config;
  const { audience } = config.mqtt;
  checkCodegenConfig(config);
  if (newMasterKey !== undefined) decodeMasterKey(newMasterKey, 'GATEHOUSE_NEW_MASTER_KEY', 'the next key');
  const isIssuer = audience === issuer || audience === `${issuer}/`;
  const reserved = reservedAudiences(() => '');
  const whose = isIssuer ? 'the issuer' : reservationOf(audience, reserved);
  if (whose !== undefined) throw new ConfigError('mqtt.audience', `"${audience}" is ${whose}; set another`);
}

/** Refuses what `ensureHome` will refuse, before anything is written. @throws ConfigError */
export async function checkHome(context: OpeningContext): Promise<void> {
  const { config, store } = context;
  if (store && (await hasTenants(store)))
    await checkHomeIssuer(store.knex, config.issuer).catch(refuseAs('GATEHOUSE_ISSUER'));
  else await checkFirstStart(context);
}

async function checkFirstStart({ config, passwords }: OpeningContext): Promise<void> {
  const { admin, client, mqtt } = config;
  for (const [key, check] of [
    ['GATEHOUSE_CLIENT_ID', () => checkFirstClient(config)],
    ['GATEHOUSE_CLIENT_SECRET', () => client.secret !== undefined && checkStrength(client.secret)],
    ['GATEHOUSE_MQTT_APP_SECRET', () => mqtt.appSecret !== undefined && checkStrength(mqtt.appSecret)],
    ['GATEHOUSE_ADMIN_USER', () => checkFirstUser(admin.user, client.id)],
  ] as const)
    named(key, check);
  if (admin.password !== undefined) await passwords.check(admin.password, [admin.user]).catch(refuseWeak);
}

/** Runs a check; what it refuses is said with the key of the configuration. @throws ConfigError */
function named(key: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    refuseAs(key)(error);
  }
}

const refuseAs =
  (key: string) =>
  (error: unknown): never => {
    throw error instanceof ProductError ? new ConfigError(key, error.message) : error;
  };

/** @throws Invalid */
function checkFirstClient({ client: { id }, mqtt: { audience } }: Config): void {
  checkClientId(id);
  const whose = reservationOf(
    id,
    reservedAudiences(() => audience),
  );
  if (whose !== undefined) throw new Invalid('clientId', `"${id}" is ${whose}; choose another id`);
}

/** @throws Invalid, Conflict */
function checkFirstUser(userName: string, clientId: string): void {
  checkUserName(userName);
  checkNoSubject({ userKey: '', userName });
  if (userName === clientId || isBuiltInClient(userName)) throw takenByClient(userName);
}

const hasTenants = async ({ knex }: Store): Promise<boolean> =>
  (await knex.schema.hasTable('tenants')) && (await knex('tenants').first('id')) !== undefined;

function refuseWeak(error: unknown): never {
  throw error instanceof WeakPassword
    ? new ConfigError('GATEHOUSE_ADMIN_PASSWORD', `the password ${error.message}`)
    : error;
}

async function makeHome(context: GatehouseContext): Promise<Home> {
  const { config, store, vault, passwords } = context;
  const adminPassword = config.admin.password ?? randomBytes(12).toString('base64url');
  // A random one needs no check, for which the lists of passwords would be loaded (24 MiB).
  const passwordHash =
    config.admin.password === undefined
      ? await passwords.rehash(adminPassword)
      : await passwords.hash(adminPassword, [config.admin.user]).catch(refuseWeak);
  try {
    const writeFirstKeys = await makeFirstKeys(vault);
    const made = await store.transaction(async (trx) => {
      const { tenant, managementSecret } = await makeTenant(trx, vault, writeFirstKeys, {
        name: HOME_NAME,
        issuer: config.issuer,
        hosts: hostsOf(config.issuer),
        home: true,
        managementClient: { ...config.client, reserved: reservedAudiences(() => config.mqtt.audience) },
      });
      const db = tenantDb(trx, tenant.id);
      const nickName = 'Administrator';
      const roles = (await builtInRoles(db, ['administrator', 'user'])).map(({ id }) => id);
      await insertUser(db, { userName: config.admin.user, nickName, roles }, passwordHash);
      const { appId, appSecret } = config.mqtt;
      const mqttAppSecret = await insertApp(db, vault, {
        appId,
        ...(appSecret !== undefined && { secret: appSecret }),
      });
      return { tenant, managementSecret, mqttAppSecret };
    });
    return {
      tenant: made.tenant,
      made: {
        ...(config.admin.password === undefined && { adminPassword }),
        ...(config.client.secret === undefined &&
          made.managementSecret !== undefined && { clientSecret: made.managementSecret }),
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
  await store
    .transaction((trx) => moveTenant(trx, tenant, config.issuer))
    .catch(refuseAs('GATEHOUSE_ISSUER'));
  return (await findHomeTenant(store.knex)) as Tenant;
}
