import type { SmsDriverSettings } from '../../kernel/message-drivers.js';
import type { Reach } from '../../kernel/private-networks.js';
import type { Driver, Sms } from '../schema.js';
import { handOver } from './handed-over.js';

type Settings = Extract<SmsDriverSettings, { driver: 'twilio' }>;

/** SMS by Twilio's Programmable Messaging (`POST …/Messages.json`, HTTP Basic with the account's token). */
export function twilioDriver(settings: Settings, reach: Reach): Driver<Sms> {
  const { accountSid, authToken, from, endpoint = 'https://api.twilio.com' } = settings;
  return {
    async send(_id, { to, text }) {
      const body = new URLSearchParams({
        To: to,
        Body: text,
        [from.startsWith('MG') ? 'MessagingServiceSid' : 'From']: from,
      });
      await handOver(`${endpoint}/2010-04-01/Accounts/${accountSid}/Messages.json`, {
        reach,
        body: body.toString(),
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          authorization: `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`,
        },
      });
    },
  };
}
