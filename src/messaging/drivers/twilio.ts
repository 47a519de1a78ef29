import type { SmsDriverSettings } from '../../kernel/message-drivers.js';
import type { Driver, Sms } from '../schema.js';
import { handOver } from './handed-over.js';

type Settings = Extract<SmsDriverSettings, { driver: 'twilio' }>;

/** SMS by Twilio's Programmable Messaging (`POST …/Messages.json`, HTTP Basic with the account's token). */
export function twilioDriver(settings: Settings, anywhere: boolean): Driver<Sms> {
  const { accountSid, authToken, from, endpoint = 'https://api.twilio.com' } = settings;
  return {
    async send(_id, { to, text }) {
      const body = new URLSearchParams({
        To: to,
        Body: text,
        [from.startsWith('MG') ? 'MessagingServiceSid' : 'From']: from,
      });
      await handOver(`${endpoint}/2010-04-01/Accounts/${accountSid}/Messages.json`, {
        anywhere,
        body: body.toString(),
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          authorization: `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`,
        },
      });
    },
  };
}
