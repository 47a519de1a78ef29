import { Invalid, NotFound } from '../kernel/errors.js';
import { parse } from '../kernel/json.js';
import { checkStrength, matchesSecret, hashSecret, newSecret } from '../secrets/index.js';
import { uniquely, type Row, type TenantDb, type Vault } from '../store/index.js';
import { RIGHTS, type MqttApp, type Right } from './schema.js';

const APP_ID = /^[A-Za-z0-9._~-]{1,100}$/;
export const DEFAULT_RIGHTS: readonly Right[] = ['read', 'write', 'broker'];

const toApp = (row: Row): MqttApp => ({
  appId: row['app_id'] as string,
  rights: parse<Right[]>(row['rights']),
  enabled: Boolean(row['enabled']),
  createdAt: Number(row['created_at']),
  updatedAt: Number(row['updated_at']),
});

/** @throws Invalid */
export function readRights(words: readonly string[]): Right[] {
  for (const word of words)
    if (!(RIGHTS as readonly string[]).includes(word))
      throw new Invalid('rights', `"${word}" is none of ${RIGHTS.join(', ')}`);
  return [...new Set(words as readonly Right[])];
}

/**
 * A new app; its secret is answered once and kept as a hash.
 * @throws Conflict, Invalid
 */
export async function insertApp(
  db: TenantDb,
  vault: Vault,
  {
    appId,
    rights = DEFAULT_RIGHTS,
    enabled = true,
    secret = newSecret(),
  }: { appId: string; rights?: readonly Right[]; enabled?: boolean; secret?: string },
): Promise<string> {
  if (!APP_ID.test(appId)) throw new Invalid('app_id', 'must be 1 to 100 letters, digits or . _ ~ -');
  checkStrength(secret);
  const now = Date.now();
  const taken: [string, string] = ['app_id', `there is an app "${appId}" already`];
  await uniquely({ mqtt_apps_app_id: taken, mqtt_apps_pkey: taken }, () =>
    db.insert('mqtt_apps', {
      app_id: appId,
      secret_hash: hashSecret(vault, secret),
      rights: JSON.stringify(rights),
      enabled,
      created_at: now,
      updated_at: now,
    }),
  );
  return secret;
}

export const listApps = async (db: TenantDb): Promise<MqttApp[]> =>
  ((await db.from('mqtt_apps').orderBy('app_id')) as Row[]).map(toApp);

const noSuchApp = (appId: string): NotFound =>
  new NotFound('app_id', `there is no app "${appId}" in this tenant`);

/** @throws NotFound */
export async function findApp(db: TenantDb, appId: string): Promise<MqttApp> {
  if (!APP_ID.test(appId)) throw noSuchApp(appId);
  const row = await db.from('mqtt_apps').where({ app_id: appId }).first<Row | undefined>();
  if (!row) throw noSuchApp(appId);
  return toApp(row);
}

async function update(db: TenantDb, appId: string, columns: Record<string, unknown>): Promise<void> {
  const changed = await db
    .from('mqtt_apps')
    .where({ app_id: appId })
    .update({ ...columns, updated_at: Date.now() });
  if (changed === 0) throw noSuchApp(appId);
}

/** Writes what is given and leaves the rest. @throws NotFound */
export const changeApp = (
  db: TenantDb,
  appId: string,
  { rights, enabled }: { rights?: readonly Right[]; enabled?: boolean },
): Promise<void> =>
  update(db, appId, {
    ...(rights && { rights: JSON.stringify(rights) }),
    ...(enabled !== undefined && { enabled }),
  });

export const deleteApp = async (db: TenantDb, appId: string): Promise<void> =>
  void (await db.from('mqtt_apps').where({ app_id: appId }).delete());

/** Another secret in place of the one before; answered once. @throws NotFound */
export async function replaceAppSecret(db: TenantDb, vault: Vault, appId: string): Promise<string> {
  const secret = newSecret();
  await update(db, appId, { secret_hash: hashSecret(vault, secret) });
  return secret;
}

/** An app that has proved itself, and by what. */
export interface CallingApp extends MqttApp {
  secretHash: string;
}

const toCallingApp = (row: Row): CallingApp => ({ ...toApp(row), secretHash: row['secret_hash'] as string });

/**
 * A calling app as a transaction sees it; undefined where it is disabled, deleted or has another secret by now.
 * @param hold whether it stays so until the transaction ends.
 */
export async function appNow(
  db: TenantDb,
  { appId, secretHash }: CallingApp,
  hold: boolean,
): Promise<CallingApp | undefined> {
  const rows = db.from('mqtt_apps').where({ app_id: appId, secret_hash: secretHash, enabled: true });
  const row = await (hold ? rows.forShare() : rows).first<Row | undefined>();
  return row && toCallingApp(row);
}

/** The app that the secret is of; undefined for a wrong one, in the same time. */
export async function appOf(
  db: TenantDb,
  vault: Vault,
  appId: string,
  secret: string,
): Promise<CallingApp | undefined> {
  const row = await db.from('mqtt_apps').where({ app_id: appId, enabled: true }).first<Row | undefined>();
  const hash = (row?.['secret_hash'] as string | undefined) ?? hashSecret(vault, 'of no app');
  const kept = { id: appId, hash, hint: '', description: null, createdAt: 0, expiresAt: null };
  const matches = matchesSecret(vault, [kept], secret, Date.now());
  return row && matches ? toCallingApp(row) : undefined;
}
