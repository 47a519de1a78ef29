import {
  areaAt,
  defineCodes,
  defineOperation,
  Failure,
  shapes,
  type AnyOperation,
  type Holdings,
} from '../api/index.js';
import { Invalid, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { checkOutbound } from '../kernel/outbound.js';
import type { Reach } from '../kernel/private-networks.js';
import { isMailSender, MAIL_DRIVER, MAIL_SENDER, SMS_DRIVER } from '../kernel/message-drivers.js';
import type { TenantDb, Vault } from '../store/index.js';
import { mailTarget, phoneTarget, type Channel } from '../verification/index.js';
import type { Messenger } from './messenger.js';
import { FITS, forgetSettings, writeSettings, type ChannelSettings } from './settings.js';

const MESSAGING_CODES = defineCodes(1000001, {
  notDelivered: ['Messaging_NotDelivered', 'The message was not taken', '消息未能送达'],
});

const at = areaAt('messaging', '/api/Messaging');
const { line } = shapes;

/** The fields that say where a connection goes. */
const CONNECTED = new Set(['host', 'url', 'endpoint']);

/** What is never answered. */
const SECRET = new Set(['password', 'secret', 'accessKeySecret', 'authToken']);

const CHANNEL = { type: 'string', enum: ['mail', 'sms'] } as const;

const SHOWN = {
  title: 'MessageDriver',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'driver', 'source', 'settings'],
  properties: {
    id: { ...CHANNEL, description: 'The channel.' },
    driver: { type: 'string', description: '`none` where messages of this channel go nowhere.' },
    source: {
      type: 'string',
      enum: ['tenant', 'configuration'],
      description: 'Whether the tenant has set its own.',
    },
    settings: {
      type: 'object',
      description: 'Without the secrets among them.',
      additionalProperties: { type: 'string' },
    },
  },
} as const;

const CHANNEL_PARAMS = {
  type: 'object',
  additionalProperties: false,
  required: ['channel'],
  properties: { channel: CHANNEL },
} as const;

/** All that the drivers of a channel can be told; which of it belongs together is checked by their own shapes. */
const bodyOf = <const T extends string>(
  title: T,
  { oneOf }: { oneOf: readonly { properties: Record<string, object> }[] },
) => {
  const { driver: _each, ...properties } = Object.assign({}, ...oneOf.map((one) => one.properties)) as Record<
    string,
    { type: 'string' | 'integer' }
  >;
  const drivers = oneOf.map((one) => (one.properties['driver'] as { const: string }).const);
  return {
    title,
    type: 'object',
    additionalProperties: false,
    required: ['driver'],
    properties: { driver: { type: 'string', enum: drivers }, ...properties },
  } as const;
};

/** One-time codes travel by the drivers: who sets where they go can be any user, those who hold everything among them. */
const authority = async (): Promise<Holdings> => new Map([['messages', { permissions: ['isms.all'] }]]);

const NOT_ANYWHERE = 'screen';

/** @throws Invalid naming the field that the driver misses, or does not know */
function fitting<C extends Channel>(channel: C, body: unknown): ChannelSettings[C] {
  const fits = FITS[channel]();
  const { driver } = body as { driver: string };
  if (driver === NOT_ANYWHERE)
    throw new Invalid('driver', 'shows messages on this machine; it is what is used where nothing is set');
  if (fits(body)) {
    const { from } = body as { from?: string };
    if (channel === 'mail' && from !== undefined && !isMailSender(from))
      throw new Invalid('from', MAIL_SENDER);
    return body as ChannelSettings[C];
  }
  const {
    params,
    instancePath,
    message = 'is not valid',
  } = fits.errors?.[0] ?? { params: {}, instancePath: '' };
  const { missingProperty, additionalProperty } = params as Record<string, string | undefined>;
  if (missingProperty !== undefined) throw new Invalid(missingProperty, `the driver ${driver} needs it`);
  if (additionalProperty !== undefined)
    throw new Invalid(additionalProperty, `the driver ${driver} does not know it; take it out`);
  throw new Invalid(instancePath.slice(1), message);
}

/** A driver as the API shows it. */
function shown(channel: Channel, settings: ChannelSettings[Channel] | undefined, own: boolean) {
  const told = Object.entries(settings ?? {}).filter(([name]) => name !== 'driver' && !SECRET.has(name));
  return {
    id: channel,
    driver: settings?.driver ?? 'none',
    source: own ? ('tenant' as const) : ('configuration' as const),
    settings: Object.fromEntries(told.map(([name, value]) => [name, String(value)])),
  };
}

/** @param reachOf where a tenant's messages may be handed over: the operator's own may reach the operator's network. */
export function messagingOperations(
  vault: Vault,
  messenger: Messenger,
  reachOf: (tenant: { name: string; home: boolean }) => Reach,
): readonly AnyOperation[] {
  const ownChannels = async (db: TenantDb): Promise<string[]> =>
    (await db.from('message_drivers').select<{ channel: string }[]>('channel')).map(({ channel }) => channel);

  async function write<C extends Channel>(db: TenantDb, channel: C, body: unknown, reach: Reach) {
    const settings = fitting(channel, body);
    const port = 'port' in settings ? settings.port : undefined;
    for (const [field, value] of Object.entries(settings))
      if (CONNECTED.has(field)) checkOutbound(field, String(value), reach, port);
    await writeSettings(db, vault, channel, settings);
    return shown(channel, settings, true);
  }

  return [
    at.codes(MESSAGING_CODES),
    defineOperation({
      ...at.list,
      summary: 'Read which services send mail and SMS',
      schemas: { answer: { type: 'array', items: SHOWN } },
      async handle({ db }) {
        const own = await ownChannels(db);
        return Promise.all(
          (['mail', 'sms'] as const).map(async (channel) => {
            const { settings } = (await messenger.driverOf(db.tenantId, channel)) ?? {};
            return shown(channel, settings, own.includes(channel));
          }),
        );
      },
    }),
    defineOperation({
      ...at.own('putmail', 'PUT', '/Mail'),
      summary: 'Set the service that sends mail; takes the place of what was set before',
      authority,
      example: {
        driver: 'smtp',
        host: 'mail.example.com',
        port: 465,
        security: 'tls',
        user: 'no-reply',
        password: '…',
        from: 'Example <no-reply@example.com>',
      },
      schemas: { body: bodyOf('MailSettings', MAIL_DRIVER), answer: SHOWN },
      handle: ({ tenant, db, body }) => write(db, 'mail', body, reachOf(tenant)),
    }),
    defineOperation({
      ...at.own('putsms', 'PUT', '/Sms'),
      summary: 'Set the service that sends SMS; takes the place of what was set before',
      authority,
      example: {
        driver: 'webhook',
        url: 'https://sms.example.com/send',
        secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      },
      schemas: { body: bodyOf('SmsSettings', SMS_DRIVER), answer: SHOWN },
      handle: ({ tenant, db, body }) => write(db, 'sms', body, reachOf(tenant)),
    }),
    defineOperation({
      ...at.own('delete', 'DELETE', '/{channel}'),
      summary: 'Delete the service of mail or of SMS: the configuration decides again',
      authority,
      schemas: { params: CHANNEL_PARAMS, answer: shapes.DELETED },
      async handle({ db, params: { channel } }) {
        if (!(await forgetSettings(db, channel)))
          throw new NotFound('channel', `the tenant has set nothing for ${channel}`);
        return { id: channel };
      },
    }),
    defineOperation({
      ...at.own('test', 'POST', '/Test'),
      summary: 'Send a message at once; 502 says why it was not taken',
      authority: {
        untouched: 'the message has no code in it, and where messages go stays as it is',
        confined: 'it changes nothing',
      },
      example: { channel: 'mail', to: 'you@example.com' },
      schemas: {
        body: {
          title: 'TestMessage',
          type: 'object',
          additionalProperties: false,
          required: ['channel', 'to'],
          properties: { channel: CHANNEL, to: { ...line(254), minLength: 1 } },
        },
        answer: {
          ...shapes.DELETED,
          title: 'SentMessage',
          properties: { id: { ...shapes.id, description: 'The message’s id, as the driver gets it.' } },
        },
      },
      acts: true,
      async prepare({ tenant, language, body: { channel, to } }) {
        const { address } = channel === 'mail' ? mailTarget(to) : phoneTarget(to);
        const id = newId();
        const message = { channel, to: address, template: 'test', locale: language, values: {} };
        await messenger.send(tenant.id, id, message).catch((error: unknown) => {
          const reason = (error as Error).message.slice(0, 200);
          throw new Failure(502, MESSAGING_CODES.notDelivered, { message: `it was not taken: ${reason}` });
        });
        return { id };
      },
      handle: async (_call, result) => result,
    }),
  ];
}
