import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeSettings } from '../../src/messaging/settings.js';
import { caller, type Caller } from '../support/area.js';
import { startMailServer } from '../support/mail.js';
import { clientToken } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';
import type { Tenant } from '../../src/tenants/index.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

describe('how a tenant’s messages travel', () => {
  let server: TestServer;
  let home: Caller;
  let shop: Tenant;
  let shopToken: string;
  before(async () => {
    server = await startServer('sqlite');
    home = caller(server, await clientToken(server, ['isms.all']));
    shop = await server.addTenant('shop', `shop.localhost:${server.port}`);
    await server.refresh();
    shopToken = await clientToken(server, ['isms.all'], shop);
  });
  after(() => server.stop());

  /** A service on this machine that SMS are sent to. */
  async function service() {
    const asked: string[] = [];
    const listening = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => asked.push(chunk.toString()));
      request.on('end', () => response.writeHead(204).end());
    });
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    return {
      url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
      asked,
      close: () => new Promise((resolve) => listening.close(resolve) && listening.closeAllConnections()),
    };
  }

  it('is as the configuration says, until the tenant sets something of its own', async () => {
    const before = await home.done('GET', '/api/Messaging');
    assert.deepEqual(
      (before as unknown as { id: string; driver: string; source: string }[]).map(
        ({ id, driver, source }) => [id, driver, source],
      ),
      [
        ['mail', 'screen', 'configuration'],
        ['sms', 'screen', 'configuration'],
      ],
    );
  });

  it('is told without the secrets in it, and kept sealed', async () => {
    const settings = {
      driver: 'smtp',
      host: 'mail.example.com',
      port: 465,
      security: 'tls',
      user: 'shop',
      password: 'unmistakable-password',
      from: 'shop@example.com',
    };
    const set = await home.done('PUT', '/api/Messaging/Mail', settings);
    assert.deepEqual(
      [set['driver'], set['source'], set['settings'].host, set['settings'].password],
      ['smtp', 'tenant', 'mail.example.com', undefined],
    );
    const rows = JSON.stringify(await server.context.store.knex('message_drivers'));
    assert.doesNotMatch(rows, /unmistakable-password|mail\.example\.com/);
    await home.done('DELETE', '/api/Messaging/mail');
    const [mail] = (await home.done('GET', '/api/Messaging')) as unknown as { source: string }[];
    assert.equal(mail?.source, 'configuration');
    assert.equal((await home.ask('DELETE', '/api/Messaging/mail')).status, 404);
  });

  it('is used from the next message on, by this tenant alone', async () => {
    const { url, asked, close } = await service();
    await home.done('PUT', '/api/Messaging/Sms', { driver: 'webhook', url, secret: SECRET });
    await home.done('POST', '/api/Messaging/Test', { channel: 'sms', to: '+8613800138000' });
    assert.match(asked[0] ?? '', /"to":"\+8613800138000"/);
    const other = caller(server, shopToken);
    await other.done(
      'POST',
      '/api/Messaging/Test',
      { channel: 'sms', to: '+8613800138000' },
      { tenant: shop },
    );
    assert.equal(asked.length, 1);
    await home.done('DELETE', '/api/Messaging/sms');
    await close();
  });

  it('goes by the tenant’s own mail server', async () => {
    const mails = await startMailServer();
    await home.done('PUT', '/api/Messaging/Mail', {
      driver: 'smtp',
      host: '127.0.0.1',
      port: mails.port,
      security: 'none',
      from: 'shop@example.com',
    });
    await home.done('POST', '/api/Messaging/Test', { channel: 'mail', to: 'you@example.com' });
    assert.equal((await mails.mailTo('you@example.com')).from?.text, 'shop@example.com');
    await home.done('DELETE', '/api/Messaging/mail');
    await mails.close();
  });

  it('reaches no private network for a tenant that is not the operator’s own, and the answer says so', async () => {
    const { url, asked, close } = await service();
    const other = caller(server, shopToken);
    // As it was written before the API refused it, or by a name that leads there.
    const settings = { driver: 'webhook', url: url.replace('http:', 'https:'), secret: SECRET } as const;
    await server.change((db) => writeSettings(db, server.context.vault, 'sms', settings), shop);
    const answer = await other.ask(
      'POST',
      '/api/Messaging/Test',
      { channel: 'sms', to: '+8613800138000' },
      { tenant: shop },
    );
    assert.deepEqual([answer.status, answer.body['code']], [502, 1000001]);
    assert.match(String(answer.body['message']), /private network/);
    assert.deepEqual(asked, []);
    await close();
  });

  it('says which field a driver misses, or does not know', async () => {
    const missing = await home.ask('PUT', '/api/Messaging/Sms', { driver: 'twilio', accountSid: 'AC1' });
    const unknown = await home.ask('PUT', '/api/Messaging/Sms', {
      driver: 'webhook',
      url: 'https://sms.example.com',
      secret: SECRET,
      authToken: 'x',
    });
    const shown = await home.ask('PUT', '/api/Messaging/Mail', { driver: 'screen' });
    assert.deepEqual(
      [missing, unknown, shown].map(({ status, body }) => [
        status,
        (body['data'] as { field: string }[])[0]?.field,
      ]),
      [
        [422, 'authToken'],
        [422, 'authToken'],
        [422, 'driver'],
      ],
    );
  });

  it('says how the secret of a webhook begins', async () => {
    const secret = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const driver = { driver: 'webhook', url: 'https://sms.example.com', secret };
    const { status, body } = await home.ask('PUT', '/api/Messaging/Sms', driver);
    const [problem] = body['data'] as { field: string; message: string }[];
    assert.equal(status, 422);
    assert.equal(problem?.message, 'must begin with whsec_, with the characters after it that it may have');
  });
});
