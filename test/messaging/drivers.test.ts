import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { aliyunDriver } from '../../src/messaging/drivers/aliyun.js';
import { smtpDriver } from '../../src/messaging/drivers/smtp.js';
import { twilioDriver } from '../../src/messaging/drivers/twilio.js';
import { webhookDriver } from '../../src/messaging/drivers/webhook.js';
import { OutcomeUnknown } from '../../src/jobs/index.js';
import { startMailServer } from '../support/mail.js';
import { until } from '../support/raw.js';

interface Asked {
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A provider's server: remembers what it is asked, and answers what it is told to; undefined hangs up. */
async function provider(answer: { status: number; body: string } | undefined) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      asked.push({ url: request.url ?? '', headers: request.headers, body });
      if (answer) response.writeHead(answer.status).end(answer.body);
      else request.socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => new Promise((resolve) => server.close(resolve) && server.closeAllConnections()),
  };
}

const SMS = { to: '+8613800138000', text: 'Gatehouse: 123456 is your code', code: '123456' };
const ID = '0190a4d2-7c3b-7def-8123-456789abcdef';
const WEBHOOK_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

describe('SMS go', () => {
  it('to a webhook, signed as Standard Webhooks says', async () => {
    const { url, asked, close } = await provider({ status: 204, body: '' });
    await webhookDriver({ driver: 'webhook', url, secret: WEBHOOK_SECRET }, 'anywhere').send(ID, SMS);
    const [{ headers, body }] = asked as [Asked];
    assert.deepEqual(JSON.parse(body), { id: ID, ...SMS });
    const key = Buffer.from(WEBHOOK_SECRET.replace('whsec_', ''), 'base64');
    const signed = `${ID}.${String(headers['webhook-timestamp'])}.${body}`;
    const signature = createHmac('sha256', key).update(signed).digest('base64');
    assert.equal(headers['webhook-signature'], `v1,${signature}`);
    assert.equal(headers['webhook-id'], ID);
    await close();
  });

  it('by Twilio, with the account’s token', async () => {
    const { url, asked, close } = await provider({ status: 201, body: '{}' });
    const settings = {
      driver: 'twilio',
      accountSid: 'AC1',
      authToken: 'token',
      from: '+15005550006',
    } as const;
    await twilioDriver({ ...settings, endpoint: url }, 'anywhere').send(ID, SMS);
    const [{ url: path, headers, body }] = asked as [Asked];
    assert.equal(path, '/2010-04-01/Accounts/AC1/Messages.json');
    assert.equal(headers.authorization, `Basic ${Buffer.from('AC1:token').toString('base64')}`);
    assert.deepEqual(Object.fromEntries(new URLSearchParams(body)), {
      To: SMS.to,
      Body: SMS.text,
      From: '+15005550006',
    });
    await close();
  });

  it('by Aliyun, signed by its algorithm V3', async () => {
    const { url, asked, close } = await provider({ status: 200, body: '{"Code":"OK"}' });
    const settings = {
      driver: 'aliyun',
      accessKeyId: 'key',
      accessKeySecret: 'secret',
      signName: '门房',
      templateCode: 'SMS_1',
      endpoint: url,
    } as const;
    await aliyunDriver(settings, 'anywhere').send(ID, SMS);
    const [{ url: path, headers }] = asked as [Asked];
    const query = path.split('?')[1] ?? '';
    const sent = new URLSearchParams(query);
    assert.deepEqual(
      [sent.get('PhoneNumbers'), sent.get('SignName'), sent.get('TemplateParam')],
      ['13800138000', '门房', '{"code":"123456"}'],
    );
    // The provider's side of it: what it computes from the request that came.
    const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1] ?? '';
    const lines = names.split(';').map((name) => `${name}:${String(headers[name])}`);
    const empty = createHash('sha256').update('').digest('hex');
    const canonical = ['POST', '/', query, ...lines, '', names, empty].join('\n');
    const digest = createHash('sha256').update(canonical).digest('hex');
    const signature = createHmac('sha256', 'secret').update(`ACS3-HMAC-SHA256\n${digest}`).digest('hex');
    assert.match(headers.authorization ?? '', new RegExp(`Signature=${signature}$`));
    await close();
  });

  it('nowhere when the provider says no, which is known', async () => {
    const { url, close } = await provider({ status: 200, body: '{"Code":"isv.BUSINESS_LIMIT_CONTROL"}' });
    const settings = {
      driver: 'aliyun',
      accessKeyId: 'key',
      accessKeySecret: 'secret',
      signName: 'x',
      templateCode: 'SMS_1',
      endpoint: url,
    } as const;
    await assert.rejects(aliyunDriver(settings, 'anywhere').send(ID, SMS), /isv\.BUSINESS_LIMIT_CONTROL/);
    await close();
  });

  it('perhaps, when the provider hangs up without an answer', async () => {
    const { url, close } = await provider(undefined);
    const driver = webhookDriver({ driver: 'webhook', url, secret: WEBHOOK_SECRET }, 'anywhere');
    await assert.rejects(driver.send(ID, SMS), OutcomeUnknown);
    await close();
  });

  it('to no private network for a tenant that is not the operator’s own', async () => {
    const { url, asked, close } = await provider({ status: 204, body: '' });
    for (const address of [url, url.replace('127.0.0.1', 'localhost')]) {
      const driver = webhookDriver({ driver: 'webhook', url: address, secret: WEBHOOK_SECRET }, []);
      await assert.rejects(driver.send(ID, SMS), /private network/);
    }
    assert.equal(asked.length, 0);
    await close();
  });
});

describe('mail goes', () => {
  const MAIL = { to: 'you@example.com', subject: 'Hello', text: 'Hello\n', html: '<p>Hello</p>' };

  it('by SMTP, with the message’s id', async () => {
    const server = await startMailServer();
    const driver = smtpDriver(
      { driver: 'smtp', host: '127.0.0.1', port: server.port, security: 'none', from: 'a@example.com' },
      'anywhere',
    );
    await driver.send(ID, MAIL);
    const mail = await server.mailTo('you@example.com');
    assert.equal(mail.messageId, `<${ID}@example.com>`);
    driver.close?.();
    await server.close();
  });

  it('by SMTP, with what ends a subscription by one click, in one line each (RFC 8058)', async () => {
    const server = await startMailServer();
    const driver = smtpDriver(
      { driver: 'smtp', host: '127.0.0.1', port: server.port, security: 'none', from: 'a@example.com' },
      'anywhere',
    );
    const unsubscribe = `https://id.example.com/api/ApiResource/${ID}/DelSubscription?code=${ID}.${'x'.repeat(43)}`;
    await driver.send(ID, { ...MAIL, unsubscribe });
    const { headerLines } = await server.mailTo('you@example.com');
    const lines = headerLines.filter(({ key }) => key.startsWith('list-')).map(({ line }) => line);
    assert.deepEqual(lines, [
      `List-Unsubscribe: <${unsubscribe}>`,
      'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
    ]);
    await driver.send(ID, { ...MAIL, to: 'other@example.com' });
    const plain = await server.mailTo('other@example.com');
    assert.ok(!plain.headerLines.some(({ key }) => key.startsWith('list-')));
    driver.close?.();
    await server.close();
  });

  it('from here only once the caller lets it, and a mail that stays says nothing about the server', async () => {
    const server = await startMailServer();
    const driver = smtpDriver(
      { driver: 'smtp', host: '127.0.0.1', port: server.port, security: 'none', from: 'a@example.com' },
      'anywhere',
    );
    const kept = new Error('kept');
    await assert.rejects(
      driver.send(ID, MAIL, () => Promise.reject(kept)),
      kept,
    );
    assert.equal(server.mails.length, 0);
    await driver.send(ID, MAIL, () => Promise.resolve());
    assert.equal(server.mails.length, 1);
    driver.close?.();
    await server.close();
  });

  it('to no server that never comes to an end, whose connection is closed [SEC-R22]', async () => {
    const drips = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      const line = setInterval(() => socket.write('220-x\r\n'), 20);
      socket.on('close', () => clearInterval(line));
    });
    await new Promise<void>((resolve) => drips.listen(0, '127.0.0.1', resolve));
    const { port } = drips.address() as AddressInfo;
    const driver = smtpDriver(
      { driver: 'smtp', host: '127.0.0.1', port, security: 'none', from: 'a@example.com' },
      'anywhere',
      200,
    );
    await assert.rejects(driver.send(ID, MAIL), {
      name: 'OutcomeUnknown',
      message: 'the mail server took longer than 200 ms',
    });
    await until(() => new Promise((resolve) => drips.getConnections((_, count) => resolve(count === 0))));
    driver.close?.();
    await new Promise((resolve) => drips.close(resolve));
  });

  it('not over a line that is not encrypted, unless the settings say so', async () => {
    const server = await startMailServer();
    const driver = smtpDriver(
      { driver: 'smtp', host: '127.0.0.1', port: server.port, from: 'a@example.com' },
      'anywhere',
    );
    await assert.rejects(driver.send(ID, MAIL), /STARTTLS|upgrade|not support/i);
    assert.equal(server.mails.length, 0);
    driver.close?.();
    await server.close();
  });
});
