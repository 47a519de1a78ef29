import { createHmac } from 'node:crypto';
import type { SmsDriverSettings } from '../../kernel/message-drivers.js';
import type { Reach } from '../../kernel/private-networks.js';
import type { Driver, Sms } from '../schema.js';
import { handOver } from './handed-over.js';

type Settings = Extract<SmsDriverSettings, { driver: 'webhook' }>;

/**
 * SMS by a service of the operator's own, which gets `{ id, to, text, code }`, signed as Standard Webhooks 1.0 has it:
 * base64 of HMAC-SHA-256 over `id.timestamp.body`.
 */
export function webhookDriver({ url, secret }: Settings, reach: Reach): Driver<Sms> {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return {
    async send(id, { to, text, code }) {
      const body = JSON.stringify({ id, to, text, code });
      const timestamp = String(Math.floor(Date.now() / 1000));
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
      await handOver(url, {
        reach,
        body,
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1,${signature}`,
        },
      });
    },
  };
}
