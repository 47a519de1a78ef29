import type { FromSchema } from 'json-schema-to-ts';
import { CALLED_ADDRESS } from './web-addresses.js';

const short = { type: 'string', minLength: 1, maxLength: 320, pattern: '^[^\\p{Cc}]+$' } as const;
const secret = { ...short, maxLength: 1000 } as const;
const address = { type: 'string', maxLength: 1000, format: CALLED_ADDRESS } as const;

const MAIL_HOST = '^[A-Za-z0-9.:_-]{1,253}$';

/** On this machine only: `/dev/outbox` shows what was sent, and the terminal has a line of it. */
const ON_SCREEN = {
  title: 'OnScreen',
  type: 'object',
  additionalProperties: false,
  required: ['driver'],
  properties: { driver: { const: 'screen' } },
} as const;

/** How mail travels. */
export const MAIL_DRIVER = {
  title: 'MailDriver',
  type: 'object',
  discriminator: { propertyName: 'driver' },
  required: ['driver'],
  oneOf: [
    {
      title: 'Smtp',
      type: 'object',
      additionalProperties: false,
      required: ['driver', 'host', 'port', 'from'],
      properties: {
        driver: { const: 'smtp' },
        host: { type: 'string', pattern: MAIL_HOST },
        port: { type: 'integer', minimum: 1, maximum: 65535 },
        security: {
          type: 'string',
          enum: ['tls', 'starttls', 'none'],
          description: '`tls` from the first byte, `starttls` (which must succeed; the default), or `none`.',
        },
        user: short,
        password: secret,
        from: { ...short, description: 'Such as `Example <no-reply@example.com>`.' },
      },
    },
    ON_SCREEN,
  ],
} as const;

/** How SMS travel. */
export const SMS_DRIVER = {
  title: 'SmsDriver',
  type: 'object',
  discriminator: { propertyName: 'driver' },
  required: ['driver'],
  oneOf: [
    {
      title: 'SmsWebhook',
      type: 'object',
      additionalProperties: false,
      required: ['driver', 'url', 'secret'],
      properties: {
        driver: { const: 'webhook' },
        url: address,
        secret: {
          ...secret,
          pattern: '^whsec_[A-Za-z0-9+/=]{32,200}$',
          description: 'Begins with `whsec_`; 32 to 200 characters of base64 follow.',
        },
      },
    },
    {
      title: 'AliyunSms',
      type: 'object',
      additionalProperties: false,
      required: ['driver', 'accessKeyId', 'accessKeySecret', 'signName', 'templateCode'],
      properties: {
        driver: { const: 'aliyun' },
        accessKeyId: short,
        accessKeySecret: secret,
        signName: short,
        templateCode: { ...short, description: 'A template with the variable `code`.' },
        endpoint: { ...address, description: 'https://dysmsapi.aliyuncs.com where it says nothing.' },
      },
    },
    {
      title: 'TwilioSms',
      type: 'object',
      additionalProperties: false,
      required: ['driver', 'accountSid', 'authToken', 'from'],
      properties: {
        driver: { const: 'twilio' },
        accountSid: { ...short, pattern: '^[A-Za-z0-9]+$' },
        authToken: secret,
        from: { ...short, description: 'A number, or the id of a messaging service (`MG…`).' },
        endpoint: { ...address, description: 'https://api.twilio.com where it says nothing.' },
      },
    },
    ON_SCREEN,
  ],
} as const;

export type MailDriverSettings = FromSchema<typeof MAIL_DRIVER>;
export type SmsDriverSettings = FromSchema<typeof SMS_DRIVER>;

const SECURITY = { 'smtp:': 'starttls', 'smtps:': 'tls', 'smtp+insecure:': 'none' } as const;
const PORTS = { 'smtp:': 587, 'smtps:': 465, 'smtp+insecure:': 25 } as const;

const SENDER = /^(?:[^<>]*<[^\s<>@,]+@[^\s<>@,]+>|[^\s<>@,]+@[^\s<>@,]+)$/;

/** Whether a text names an address that mail can be from. Without one, mail would go out with none (`MAIL FROM:<>`). */
export const isMailSender = (text: string): boolean => SENDER.test(text.trim());

/** What is said of another text. */
export const MAIL_SENDER =
  'must have an address, such as "Example <no-reply@example.com>" or "no-reply@example.com"';

/** What was percent-encoded; undefined for a sign that stands for itself and may not. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Reads `smtps://user:password@host:port`; undefined for what is none. */
export function smtpFromUrl(text: string, from: string): MailDriverSettings | undefined {
  const url = URL.parse(text);
  const scheme = url?.protocol as keyof typeof SECURITY;
  if (!url?.hostname || url.port === '0' || !(scheme in SECURITY)) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!new RegExp(MAIL_HOST).test(host)) return undefined;
  const [user, password] = [decoded(url.username), decoded(url.password)];
  if (user === undefined || password === undefined) return undefined;
  return {
    driver: 'smtp',
    host,
    port: url.port ? Number(url.port) : PORTS[scheme],
    security: SECURITY[scheme],
    ...(user && { user }),
    ...(password && { password }),
    from,
  };
}
