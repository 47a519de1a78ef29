import { createHash, createHmac, randomUUID } from 'node:crypto';
import { OutcomeUnknown, Refused } from '../../jobs/index.js';
import type { SmsDriverSettings } from '../../kernel/message-drivers.js';
import type { Reach } from '../../kernel/private-networks.js';
import type { Driver, Sms } from '../schema.js';
import { handOver } from './handed-over.js';

type Settings = Extract<SmsDriverSettings, { driver: 'aliyun' }>;

const ALGORITHM = 'ACS3-HMAC-SHA256';
const MAINLAND = '+86';

/** Percent-encoding as RFC 3986 has it: `encodeURIComponent` leaves five more characters alone. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Alibaba Cloud's request signature V3 over the query and these headers. */
export function signAliyun(
  query: Record<string, string>,
  headers: Record<string, string>,
  accessKeyId: string,
  accessKeySecret: string,
): { queryString: string; authorization: string } {
  const sorted = (record: Record<string, string>): [string, string][] =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  const queryString = sorted(query)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
  const signed = sorted(headers);
  const names = signed.map(([name]) => name).join(';');
  const canonical = [
    'POST',
    '/',
    queryString,
    ...signed.map(([name, value]) => `${name}:${value.trim()}`),
    '',
    names,
    headers['x-acs-content-sha256'],
  ].join('\n');
  const signature = createHmac('sha256', accessKeySecret)
    .update(`${ALGORITHM}\n${sha256(canonical)}`)
    .digest('hex');
  return {
    queryString,
    authorization: `${ALGORITHM} Credential=${accessKeyId},SignedHeaders=${names},Signature=${signature}`,
  };
}

/** SMS by Alibaba Cloud (Dysmsapi 2017-05-25, `SendSms`); the words are the provider's template, which gets the code. */
export function aliyunDriver(settings: Settings, reach: Reach): Driver<Sms> {
  const { accessKeyId, accessKeySecret, signName, templateCode } = settings;
  const endpoint = new URL(settings.endpoint ?? 'https://dysmsapi.aliyuncs.com');
  return {
    async send(id, { to, code }) {
      if (code === undefined) throw new Error('the template is for codes; other messages have none');
      const query = {
        PhoneNumbers: to.startsWith(MAINLAND) ? to.slice(MAINLAND.length) : to.slice(1),
        SignName: signName,
        TemplateCode: templateCode,
        TemplateParam: JSON.stringify({ code }),
        OutId: id,
      };
      const headers = {
        host: endpoint.host,
        'x-acs-action': 'SendSms',
        'x-acs-content-sha256': sha256(''),
        'x-acs-date': new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
        'x-acs-signature-nonce': randomUUID(),
        'x-acs-version': '2017-05-25',
      };
      const { queryString, authorization } = signAliyun(query, headers, accessKeyId, accessKeySecret);
      const answer = await handOver(`${endpoint.origin}/?${queryString}`, {
        reach,
        body: '',
        headers: { ...headers, authorization },
      });
      const said = /"Code"\s*:\s*"([\w.]{1,100})"/.exec(answer.body)?.[1];
      if (said === undefined) throw new OutcomeUnknown('the answer does not say whether it was taken');
      if (said !== 'OK') throw new Refused(`answered ${said}`);
    },
  };
}
