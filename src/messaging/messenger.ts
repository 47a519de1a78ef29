import { LRUCache } from 'lru-cache';
import type { Config } from '../config.js';
import { openMessage, queueSealed, type Deliver } from '../jobs/index.js';
import type { Reach } from '../kernel/private-networks.js';
import { gatewayReach } from '../outbound-reach.js';
import type { Store, TenantDb, Vault } from '../store/index.js';
import type { Channel } from '../verification/index.js';
import { aliyunDriver } from './drivers/aliyun.js';
import type { Screen } from './drivers/screen.js';
import { smtpDriver } from './drivers/smtp.js';
import { twilioDriver } from './drivers/twilio.js';
import { webhookDriver } from './drivers/webhook.js';
import type { Driver, Mail, Message, Sms } from './schema.js';
import { configured, settingsReader, type ChannelSettings, type Chosen } from './settings.js';
import { mailOf, smsOf, type Sender } from './wording.js';

/** The tenant that a message is from. */
export interface SendingTenant extends Sender {
  /** Whether it is the operator's own. */
  home: boolean;
}

export interface MessengerBase {
  config: Config;
  store: Store;
  vault: Vault;
  screen: Screen;
  /** Undefined where it is gone or disabled. */
  tenantOf(tenantId: string): Promise<SendingTenant | undefined>;
}

/**
 * Mail and SMS of tenants, by each tenant's own drivers; those of the configuration where a tenant has none.
 */
export interface Messenger {
  /** Which driver a tenant's messages go by; undefined where there is none, so that nothing can be sent. */
  driverOf<C extends Channel>(tenantId: string, channel: C): Promise<Chosen<C> | undefined>;
  /**
   * Hands a message over at once.
   * @param ready called just before it leaves.
   * @throws OutcomeUnknown, Error where it did not go
   */
  send(tenantId: string, id: string, message: Message, ready?: () => Promise<void>): Promise<void>;
  close(): void;
}

/** By which channels a tenant's messages can go. */
export async function reachOf(
  messenger: Pick<Messenger, 'driverOf'>,
  tenantId: string,
): Promise<Record<Channel, boolean>> {
  const [sms, mail] = await Promise.all([
    messenger.driverOf(tenantId, 'sms'),
    messenger.driverOf(tenantId, 'mail'),
  ]);
  return { sms: sms !== undefined, mail: mail !== undefined };
}

/** A message that goes as it is. Use `queueText` in the transaction of what it tells about. */
export const MESSAGE = 'message';

export const queueText = (db: TenantDb, vault: Vault, message: Message): Promise<void> =>
  queueSealed(db, vault, MESSAGE, message, { to: message.channel });

export const messageDelivery =
  (messenger: Messenger, vault: Vault): Deliver =>
  (message) =>
    messenger.send(message.tenantId, message.id, openMessage<Message>(vault, message), message.handOver);

const MOST_DRIVERS = 200;

export function openMessenger({ config, store, vault, screen, tenantOf }: MessengerBase): Messenger {
  const read = settingsReader(store, vault);
  const reachOfDriver = ({ operators }: { operators: boolean }, tenant: SendingTenant): Reach =>
    operators ? 'anywhere' : gatewayReach(config, tenant);
  const open = new LRUCache<string, Driver<Mail> | Driver<Sms>>({
    max: MOST_DRIVERS,
    dispose: (driver) => driver.close?.(),
  });

  async function chosen<C extends Channel>(
    tenantId: string,
    channel: C,
    tenant: SendingTenant | undefined,
  ): Promise<Chosen<C> | undefined> {
    if (!tenant) return undefined;
    const own = await read(tenantId, channel);
    if (own) return { settings: own, operators: tenant.home };
    const settings = configured(config, channel, tenant.issuer);
    return settings && { settings, operators: true };
  }

  /** One for the same settings, which keeps its connections. */
  function driver<M extends Mail | Sms>(key: unknown, make: () => Driver<M>): Driver<M> {
    const name = JSON.stringify(key);
    const found = open.get(name) as Driver<M> | undefined;
    if (found) return found;
    const made = make();
    open.set(name, made);
    return made;
  }

  const mailDriver = (settings: Exclude<ChannelSettings['mail'], { driver: 'screen' }>, reach: Reach) =>
    driver<Mail>(['mail', settings, reach], () => smtpDriver(settings, reach));

  const smsDriver = (settings: Exclude<ChannelSettings['sms'], { driver: 'screen' }>, reach: Reach) =>
    driver<Sms>(['sms', settings, reach], () =>
      settings.driver === 'webhook'
        ? webhookDriver(settings, reach)
        : settings.driver === 'aliyun'
          ? aliyunDriver(settings, reach)
          : twilioDriver(settings, reach),
    );

  async function sendMail(
    tenantId: string,
    id: string,
    mail: Mail,
    { settings }: Chosen<'mail'>,
    reach: Reach,
    ready?: () => Promise<void>,
  ) {
    if (settings.driver !== 'screen') return mailDriver(settings, reach).send(id, mail, ready);
    await ready?.();
    return screen.show({ at: Date.now(), tenantId, channel: 'mail', ...mail });
  }

  async function sendSms(tenantId: string, id: string, sms: Sms, { settings }: Chosen<'sms'>, reach: Reach) {
    if (settings.driver !== 'screen') return smsDriver(settings, reach).send(id, sms);
    return screen.show({ at: Date.now(), tenantId, channel: 'sms', to: sms.to, text: sms.text });
  }

  return {
    driverOf: async (tenantId, channel) => chosen(tenantId, channel, await tenantOf(tenantId)),
    async send(tenantId, id, message, ready) {
      const tenant = await tenantOf(tenantId);
      if (!tenant) return; // gone, and with it whoever it was for
      const none = new Error(`there is no driver for ${message.channel}`);
      if (message.channel === 'mail') {
        const by = await chosen(tenantId, 'mail', tenant);
        if (!by) throw none;
        await sendMail(tenantId, id, mailOf(message, tenant), by, reachOfDriver(by, tenant), ready);
      } else {
        const by = await chosen(tenantId, 'sms', tenant);
        if (!by) throw none;
        await ready?.();
        await sendSms(tenantId, id, smsOf(message, tenant), by, reachOfDriver(by, tenant));
      }
    },
    close: () => open.clear(),
  };
}
