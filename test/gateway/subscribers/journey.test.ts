import assert from 'node:assert/strict';
import { announce } from '../../../src/gateway/subscribers/index.js';
import { administrator } from '../../support/area.js';
import { needsBrowser, newVisitor } from '../../support/browser.js';
import { STORES } from '../../support/config.js';
import { send } from '../../support/http.js';
import { startMailServer, type MailServer } from '../../support/mail.js';
import { startServer, type TestServer } from '../../support/server.js';
import { linkIn, listOf, newApi } from './list.js';

for (const kind of STORES)
  describe(`a subscriber with a real mail server and a real browser, on ${kind}`, () => {
    let mails: MailServer;
    let server: TestServer;
    before(async () => {
      mails = await startMailServer();
      server = await startServer(kind, {
        GATEHOUSE_SMTP_URL: mails.url,
        GATEHOUSE_MAIL_FROM: 'no-reply@example.com',
      });
    });
    after(async () => {
      await server.stop();
      await mails.close();
    });

    it('asks, presses the button of the page, gets the release’s mail, and leaves by one click', async function () {
      needsBrowser(this);
      const admin = await administrator(server);
      const api = await newApi(admin, 'Orders');
      const email = 'carla@example.com';
      await admin.done('POST', `/api/ApiResource/${api}/Subscriptions/VerifyEmail`, { email });
      await server.outbox.deliver();
      const asked = await mails.mailTo(email);
      assert.equal(asked.subject, 'Confirm your subscription to Orders');
      assert.equal(asked.headers.get('list'), undefined);

      const visitor = await newVisitor({ javaScriptEnabled: false });
      const page = await visitor.newPage();
      await page.goto(server.issuer + linkIn(asked.text, 'AddSubscription'));
      assert.equal(await page.locator('h1').innerText(), 'Subscribe to Orders?');
      assert.deepEqual(await listOf(admin, api), []);
      await page.locator('button').click();
      await page.locator('[role=status]').waitFor();
      assert.equal(await page.locator('h1').innerText(), 'You are subscribed');
      assert.deepEqual(await listOf(admin, api), [email]);

      await server.change((db) =>
        announce(
          db,
          {
            id: 'release-1',
            apiResourceId: api,
            apiName: 'Orders',
            kind: 'release',
            versionName: 'v2',
            notes: 'Orders can be cancelled.\n\n订单可以取消。',
            path: '/gateway/orders/v2',
          },
          100,
        ),
      );
      await server.outbox.deliver();
      const told = await mails.mailTo(email);
      assert.equal(told.subject, 'New release of Orders v2');
      assert.match(told.text ?? '', /Orders can be cancelled\.[\s\S]*订单可以取消。/);
      const header = told.headerLines.find(({ key }) => key === 'list-unsubscribe')?.line ?? '';
      const [, address = ''] = /^List-Unsubscribe: <(http\S+)>$/.exec(header) ?? [];
      assert.equal(new URL(address).origin, server.issuer);
      assert.deepEqual(
        told.headerLines.filter(({ key }) => key === 'list-unsubscribe-post').map(({ line }) => line),
        ['List-Unsubscribe-Post: List-Unsubscribe=One-Click'],
      );

      // Looking at the link changes nothing; what a mail program sends at the click does.
      await page.goto(address);
      assert.equal(await page.locator('h1').innerText(), 'Unsubscribe from Orders?');
      assert.deepEqual(await listOf(admin, api), [email]);
      const clicked = await send(new URL(address), { form: { 'List-Unsubscribe': 'One-Click' } });
      assert.equal(clicked.status, 200, clicked.text);
      assert.deepEqual(await listOf(admin, api), []);
      await page.locator('button').click();
      await page.locator('[role=status]').waitFor();
      assert.equal(await page.locator('h1').innerText(), 'You are unsubscribed');
      await visitor.close();

      const before = mails.mails.length;
      await server.change((db) =>
        announce(
          db,
          {
            id: 'release-2',
            apiResourceId: api,
            apiName: 'Orders',
            kind: 'publish',
            versionName: '',
            notes: '',
          },
          100,
        ),
      );
      await server.outbox.deliver();
      assert.equal(mails.mails.length, before);
    });
  });
