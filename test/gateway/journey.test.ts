import assert from 'node:assert/strict';
import { needsBrowser, newVisitor, stopBrowser } from '../support/browser.js';
import { STORES } from '../support/config.js';
import { awayFromFullHour } from '../support/full-hours.js';
import {
  ApiTeam,
  documentOf,
  problemOf,
  startBackend,
  startGateway,
  through,
  type Backend,
} from '../support/gateway.js';
import { startMailServer, type MailServer } from '../support/mail.js';
import { clientToken } from '../support/management.js';
import type { TestServer } from '../support/server.js';

const ORDERS = { 'GET /items/{id}': ['orders.read'], 'PUT /items/{id}': ['orders.write'] };

for (const kind of STORES)
  describe(`the journey of an API, on ${kind}`, () => {
    let mails: MailServer;
    let backend: Backend;
    let server: TestServer;
    let team: ApiTeam;
    let token: string;
    let revisions: string[];

    before(async () => {
      mails = await startMailServer();
      backend = await startBackend();
      server = await startGateway(kind, [backend], {
        GATEHOUSE_SMTP_URL: mails.url,
        GATEHOUSE_MAIL_FROM: 'gatehouse@example.com',
      });
      team = await ApiTeam.begin(server, 'orders', ['read', 'write']);
      token = await clientToken(server, ['orders.read']);
    });
    after(async () => {
      await server.stop();
      await Promise.all([backend.close(), mails.close()]);
    });
    after(stopBrowser);

    it('publishes a document', async () => {
      const serviceUrl = `${backend.url}/base`;
      const { status, data } = await team.publish({
        suffix: 'orders',
        serviceUrl,
        document: documentOf(ORDERS),
      });
      assert.equal(status, 200);
      assert.equal(data['url'], `${server.issuer}/gateway/orders`);
      revisions = (data['revisions'] as { id: string }[]).map(({ id }) => id);
    });

    it('is called with a token, byte for byte', async () => {
      const { status, text } = await through(server, 'orders/items/a%2Fb?x=1&y=%20', { token });
      assert.deepEqual([status, text], [200, 'GET /base/items/a%2Fb?x=1&y=%20']);
    });

    it('is not called without a token', async () => {
      const answer = await through(server, 'orders/items/7');
      assert.deepEqual(problemOf(answer), [401, 'token']);
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
    });

    it('is not called with the wrong scope', async () => {
      const answer = await through(server, 'orders/items/7', { method: 'PUT', token, body: '{}' });
      assert.deepEqual(problemOf(answer), [403, 'scope']);
      assert.equal(
        answer.headers.get('www-authenticate'),
        'Bearer error="insufficient_scope", scope="orders.write"',
      );
    });

    it('has a revision that is tried before it is current, put online, and switched back', async () => {
      const document = documentOf({ ...ORDERS, 'GET /health': null });
      const { data } = await team.publishRevision({ document, releaseNote: 'Health' });
      revisions.push(String(data['id']));
      const health = async (path: string): Promise<number> => (await through(server, path)).status;
      assert.deepEqual([await health('orders/health'), await health('orders;rev=2/health')], [404, 200]);
      assert.equal((await team.setOnline(revisions[1] as string)).status, 200);
      assert.equal(await health('orders/health'), 200);
      assert.equal((await team.setOnline(revisions[0] as string)).status, 200);
      assert.equal(await health('orders/health'), 404);
    });

    it('has a second version next to the first', async () => {
      const version = { revisionId: revisions[1], apiVersionName: 'v2' };
      const { status, data } = await team.call('POST', '/PublishVersion', version);
      assert.deepEqual([status, data['url']], [200, `${server.issuer}/gateway/orders/v2`]);
      assert.equal((await through(server, 'orders/v2/health')).text, 'GET /base/health');
    });

    it('is in a product with a key and a limit', async () => {
      await awayFromFullHour(30);
      const product = await team.gateway('POST', '/Products', {
        name: 'Starter',
        apiIds: [team.id],
        rateLimit: { calls: 2, seconds: 3600 },
      });
      assert.equal(product.status, 200);
      const { data } = await team.gateway('POST', `/Products/${String(product.data['id'])}/Keys`, {
        name: 'shop',
      });
      const { primaryKey, secondaryKey } = data as { primaryKey: string; secondaryKey: string };
      const withKey = (key?: string) =>
        through(server, 'orders/items/7', {
          token,
          headers: key === undefined ? {} : { 'ocp-apim-subscription-key': key },
        });
      assert.deepEqual(problemOf(await withKey()), [401, 'product-key']);
      const first = await withKey(primaryKey);
      assert.equal(first.status, 200);
      assert.match(first.headers.get('ratelimit') ?? '', /^"key";r=1;t=\d+$/);
      assert.equal(first.headers.get('ratelimit-policy'), '"key";q=2;w=3600');
      assert.equal((await withKey(secondaryKey)).status, 200);
      const limited = await withKey(primaryKey);
      assert.deepEqual(problemOf(limited), [429, 'rate-limit']);
      assert.match(limited.headers.get('retry-after') ?? '', /^\d+$/);
    });

    it('tells a subscriber who confirmed in the browser of a release, until they leave by one click', async function () {
      needsBrowser(this);
      const email = 'dev@example.org';
      assert.equal((await team.call('POST', '/Subscriptions/VerifyEmail', { email })).status, 200);
      const asked = await mails.mailTo(email);
      const link = /https?:\/\/\S+AddSubscription\S+/.exec(asked.text ?? '')?.[0] ?? '';
      const visitor = await newVisitor();
      const page = await visitor.newPage();
      await page.goto(link);
      assert.deepEqual((await team.call('GET', '/Subscriptions')).body['total'], 0);
      await page.click('button[type=submit]');
      await page.waitForLoadState();
      assert.deepEqual((await team.call('GET', '/Subscriptions')).body['total'], 1);
      await visitor.close();

      const release = { revisionId: revisions[0], notes: 'Two items at once' };
      assert.equal((await team.call('POST', '/Releases', release)).status, 200);
      await server.outbox.deliver();
      const told = await mails.mailTo(email);
      assert.match(told.text ?? '', /Two items at once/);
      assert.ok(told.text?.includes(`Address of the API: ${server.issuer}/gateway/orders\n`), told.text);
      const unsubscribe = told.headers.get('list') as { unsubscribe: { url: string } };
      const left = await fetch(unsubscribe.unsubscribe.url, {
        method: 'POST',
        body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }),
      });
      assert.equal(left.status, 200);
      assert.deepEqual((await team.call('GET', '/Subscriptions')).body['total'], 0);
    });
  });
