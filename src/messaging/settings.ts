import { openAjv } from '../kernel/ajv.js';
import { parse } from '../kernel/json.js';
import { isForDevelopment, type Config } from '../config.js';
import {
  MAIL_DRIVER,
  SMS_DRIVER,
  type MailDriverSettings,
  type SmsDriverSettings,
} from '../kernel/message-drivers.js';
import { once } from '../kernel/once.js';
import { ADDRESS_FORMATS } from '../kernel/web-addresses.js';
import type { SealedColumn, Store, TenantDb, Vault } from '../store/index.js';
import type { Channel } from '../verification/index.js';

export interface ChannelSettings {
  mail: MailDriverSettings;
  sms: SmsDriverSettings;
}

/** A tenant's driver of a channel. */
export interface Chosen<C extends Channel> {
  settings: ChannelSettings[C];
  /** Whether the operator wrote it: he may reach his own network, others may not. */
  operators: boolean;
}

const sealRow = (tenantId: string, channel: Channel): string => `message_drivers:${tenantId}:${channel}`;

/** What this room keeps sealed, for rewrapping. */
export const MESSAGING_SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: 'message_drivers',
    key: ['tenant_id', 'channel'],
    column: 'sealed',
    row: (row) => sealRow(row['tenant_id'] as string, row['channel'] as Channel),
  },
];

export function writeSettings<C extends Channel>(
  db: TenantDb,
  vault: Vault,
  channel: C,
  settings: ChannelSettings[C],
): Promise<void> {
  const sealed = vault.seal(JSON.stringify(settings), sealRow(db.tenantId, channel));
  return db.put('message_drivers', ['channel'], { channel, sealed, updated_at: Date.now() });
}

/** @returns whether there were any. */
export const forgetSettings = async (db: TenantDb, channel: Channel): Promise<boolean> =>
  (await db.from('message_drivers').where({ channel }).delete()) === 1;

/** Reads what a tenant's administrators wrote; undefined where they wrote nothing. */
export function settingsReader(store: Store, vault: Vault) {
  const find = store.prepare('SELECT sealed FROM message_drivers WHERE tenant_id = ? AND channel = ?');
  return async <C extends Channel>(tenantId: string, channel: C): Promise<ChannelSettings[C] | undefined> => {
    const row = await find.first(tenantId, channel);
    if (!row) return undefined;
    return parse<ChannelSettings[C]>(vault.open(row['sealed'] as string, sealRow(tenantId, channel)));
  };
}

const SCREEN: ChannelSettings[Channel] = { driver: 'screen' };

/** What the configuration says; the screen where it says nothing and only this machine is served. */
export function configured<C extends Channel>(
  config: Config,
  channel: C,
  issuer: string,
): ChannelSettings[C] | undefined {
  const settings: ChannelSettings[Channel] | undefined = config.messaging[channel];
  const usable = settings?.driver === 'screen' ? undefined : settings;
  return (usable ?? (isForDevelopment(config, issuer) ? SCREEN : undefined)) as
    ChannelSettings[C] | undefined;
}

const validatorOf = (schema: object) =>
  once(() => openAjv({ discriminator: true, strictTypes: false, formats: ADDRESS_FORMATS }).compile(schema));
/** Whether settings are of the shape that their driver has. */
export const FITS = { mail: validatorOf(MAIL_DRIVER), sms: validatorOf(SMS_DRIVER) };
