import assert from 'node:assert/strict';
import { administrator, caller, type Caller } from '../../support/area.js';
import { GENEROUS, STORES } from '../../support/config.js';
import { bodyOf, send, type Heard, type Said } from '../../support/http.js';
import { asForm, call, clientToken, userToken } from '../../support/management.js';
import { documentOf } from '../../support/gateway.js';
import { startServer, type TestServer } from '../../support/server.js';
import { confirmationLink, linkIn, listOf, mailsTo, newApi, subscribed } from './list.js';

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const BAD_CODE =
  'the code is wrong, used or expired, or belongs to another API; take the link as it is in the mail';

for (const kind of STORES)
  describe(`subscribers of an API, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    before(async () => {
      server = await startServer(kind, {}, { ...GENEROUS, limits: { enabled: false } });
      admin = await administrator(server);
    });
    after(() => server.stop());

    const get = (path: string, said: Said = {}): Promise<Heard> =>
      send(new URL(path, server.issuer), { headers: {}, ...said });
    const codeOf = ({ status, text }: Heard): [number, unknown] => [
      status,
      (JSON.parse(text) as { code: unknown }).code,
    ];
    const verify = (api: string, email: string) =>
      admin.ask('POST', `/api/ApiResource/${api}/Subscriptions/VerifyEmail`, { email });

    describe('ask an address by mail', () => {
      it('with one link, which is good for 24 hours; nothing is on the list before it is used [SEC-G26]', async () => {
        const api = await newApi(admin, 'Orders');
        const before = Date.now();
        const { status, data } = await verify(api, 'carla@example.com');
        assert.deepEqual([status, data['email']], [200, 'carla@example.com']);
        const lifetime = Date.parse(data['expiresAt'] as string) - before;
        assert.ok(lifetime >= 86_400_000 && lifetime < 86_460_000, String(lifetime));
        const [mail] = await mailsTo(server, 'carla@example.com');
        assert.equal(mail?.subject, 'Confirm your subscription to Orders');
        assert.equal(mail?.text.match(/http\S+AddSubscription/g)?.length, 1);
        assert.match(mail?.text ?? '', /code=[A-Za-z0-9_-]{43}\n/);
        assert.deepEqual(await listOf(admin, api), []);
      });

      it('in the language of the request', async () => {
        const api = await newApi(admin, '订单');
        await confirmationLink(server, admin, api, 'li@example.com', { 'accept-language': 'zh-CN' });
        const [mail] = await mailsTo(server, 'li@example.com');
        assert.equal(mail?.subject, '请确认订阅“订单”');
        assert.match(mail?.text ?? '', /链接 24 小时内有效/);
      });

      it('whose code is stored nowhere as it is', async () => {
        const api = await newApi(admin);
        const link = await confirmationLink(server, admin, api, 'hash@example.com');
        const code = new URL(link, server.issuer).searchParams.get('code') ?? '?';
        const { knex } = server.context.store;
        const rows = [
          ...(await knex('api_subscription_requests')),
          ...(await knex('outbox')),
          ...(await knex('audit')),
        ];
        assert.ok(rows.length > 0);
        assert.ok(!JSON.stringify(rows).includes(code));
      });

      it('but not one that is none', async () => {
        const api = await newApi(admin);
        for (const email of ['nobody', 'a@b\r\nBcc: c@example.com', 'a b@example.com', '<a@example.com>'])
          assert.equal((await verify(api, email)).status, 422, email);
      });

      it('but not one that is on the list, in whatever case it is written', async () => {
        const api = await newApi(admin);
        await subscribed(server, admin, api, 'case@example.com');
        const { status, body } = await verify(api, 'CASE@Example.com');
        assert.deepEqual([status, body['code']], [409, 300013]);
      });

      it('without a link in the name of the API', async () => {
        const names: [displayName: string, shown: string][] = [
          ['Pay at https://evil.example/login now', 'Pay at https evil example/login now'],
          ['evil.example', 'evil example'],
          ['evil．example', 'evil example'],
          ['evil。example', 'evil example'],
          ['evil.\u200bexample', 'evil \u200bexample'],
          ['Call 192.0.2.1', 'Call 192 0.2.1'],
          ['Write to me@evil.example', 'Write to me evil example'],
          ['//evil', 'evil'],
          ['mailto:me', 'mailto me'],
          ['Orders v. 2.0, read/write: all', 'Orders v. 2.0, read/write: all'],
        ];
        for (const [at, [displayName, shown]] of names.entries()) {
          const api = await newApi(admin, displayName);
          const email = `link-${at}@example.com`;
          await confirmationLink(server, admin, api, email);
          const [mail] = await mailsTo(server, email);
          assert.equal(mail?.subject, `Confirm your subscription to ${shown}`);
          assert.ok(mail?.text.includes(`mail when ${shown} is published`), mail?.text);
        }
      });

      it('by the name that the API was published by', async () => {
        const api = await newApi(admin, 'Own name');
        const document = documentOf({ 'GET /items': null }, 'Orders');
        await admin.done('PUT', `/api/ApiResource/${api}/Publish`, {
          suffix: 'published-name',
          serviceUrl: 'https://backend.example',
          document,
        });
        const link = await confirmationLink(server, admin, api, 'published@example.com');
        const [mail] = await mailsTo(server, 'published@example.com');
        assert.equal(mail?.subject, 'Confirm your subscription to Orders');
        const { text } = await get(link, { headers: BROWSER });
        assert.match(text, /<h1[^>]*>Subscribe to Orders\?<\/h1>/);
      });

      it('and void the link of the mail before', async () => {
        const api = await newApi(admin);
        const first = await confirmationLink(server, admin, api, 'again@example.com');
        await server.change((db) => db.from('rate_counts').delete());
        const second = await confirmationLink(server, admin, api, 'again@example.com');
        assert.deepEqual(codeOf(await get(first)), [422, 300010]);
        assert.equal((await get(second)).status, 200);
      });

      it('whether or not people may register here', async () => {
        const { id } = server.home.tenant;
        await admin.done('PUT', '/api/Tenant', { id, registration: 'closed' });
        const api = await newApi(admin);
        await subscribed(server, admin, api, 'closed@example.com');
        assert.deepEqual(await listOf(admin, api), ['closed@example.com']);
        const users = await admin.ask('GET', '/api/User?q.email=closed@example.com');
        assert.equal(users.body['total'], 0);
        await admin.done('PUT', '/api/Tenant', { id, registration: 'open' });
      });

      it('not where no mail can go out', async () => {
        const tenant = await server.addTenant(`silent-${kind}`, `silent.example.com:${server.port}`);
        const there = caller(server, await clientToken(server, ['isms.all'], tenant));
        const made = await there.done('POST', '/api/ApiResource', { name: 'silent' }, { tenant });
        const { status, body } = await there.ask(
          'POST',
          `/api/ApiResource/${made['id']}/Subscriptions/VerifyEmail`,
          { email: 'carla@example.com' },
          { tenant },
        );
        assert.deepEqual([status, body['code']], [503, 300018]);
        const rows: unknown[] = await server.context.store
          .knex('api_subscription_requests')
          .where({ tenant_id: tenant.id });
        assert.deepEqual(rows, []);
      });
    });

    describe('confirm', () => {
      it('by a link, once', async () => {
        const api = await newApi(admin);
        const link = await confirmationLink(server, admin, api, 'once@example.com');
        const heard = await get(link);
        assert.deepEqual(
          [heard.status, bodyOf(heard)['data']],
          [200, { email: 'once@example.com', subscribed: true }],
        );
        assert.deepEqual(await listOf(admin, api), ['once@example.com']);
        assert.deepEqual(codeOf(await get(link)), [409, 300013]);
      });

      it('by a link that does nothing once its address has unsubscribed', async () => {
        const api = await newApi(admin);
        const link = await confirmationLink(server, admin, api, 'left@example.com');
        await get(link);
        await server.change((db) =>
          db.from('api_subscriptions').where({ api_resource_id: api }).update({ ended_at: 1 }),
        );
        assert.deepEqual(codeOf(await get(link)), [422, 300010]);
        assert.deepEqual(await listOf(admin, api), []);
      });

      it('not by a code that is wrong, too long, expired, or another API’s [SEC-G26]', async () => {
        const api = await newApi(admin);
        const other = await newApi(admin);
        const link = await confirmationLink(server, admin, api, 'expired@example.com');
        const at = (id: string, code: string): string =>
          `/api/ApiResource/${id}/AddSubscription?code=${encodeURIComponent(code)}`;
        const code = new URL(link, server.issuer).searchParams.get('code') ?? '?';
        for (const path of [
          at(other, code),
          at(api, `${code}x`),
          at(api, code.slice(1)),
          at(api, 'x'),
          at('none', code),
        ]) {
          const heard = await get(path);
          assert.deepEqual(codeOf(heard), [422, 300010], path);
          assert.deepEqual(bodyOf(heard)['data'], [{ field: 'code', rule: 'code', message: BAD_CODE }]);
        }
        for (const path of [
          at(api, 'x'.repeat(501)),
          at(api, ''),
          `${link}&code=x`,
          `/api/ApiResource/${api}/AddSubscription`,
        ])
          assert.equal((await get(path)).status, 422, path);
        await server.change((db) =>
          db
            .from('api_subscription_requests')
            .where({ api_resource_id: api })
            .update({ expires_at: Date.now() - 1 }),
        );
        assert.deepEqual(codeOf(await get(link)), [422, 300010]);
        assert.deepEqual([await listOf(admin, api), await listOf(admin, other)], [[], []]);
      });

      it('not by a code of another tenant', async () => {
        const tenant = await server.addTenant(`other-${kind}`, `other.localhost:${server.port}`);
        const api = await newApi(admin);
        const link = await confirmationLink(server, admin, api, 'tenant@example.com');
        const { status } = await call(server, { path: link, tenant });
        assert.equal(status, 422);
      });

      it('once of many that use a link at the same time', async () => {
        const api = await newApi(admin);
        const link = await confirmationLink(server, admin, api, 'race@example.com');
        const answers = await Promise.all(Array.from({ length: 8 }, () => get(link)));
        assert.deepEqual(
          answers.map(({ status }) => status).sort(),
          [200, 409, 409, 409, 409, 409, 409, 409],
        );
        assert.deepEqual(await listOf(admin, api), ['race@example.com']);
      });

      it('while the API is deleted: the answer is 200 or says that the link does nothing', async () => {
        for (let n = 0; n < 5; n++) {
          const api = await newApi(admin);
          const link = await confirmationLink(server, admin, api, `gone-${n}@example.com`);
          const [deleted, confirmed] = await Promise.all([
            admin.ask('DELETE', `/api/ApiResource/${api}`),
            get(link),
          ]);
          assert.equal(deleted.status, 200);
          assert.ok([200, 404, 422].includes(confirmed.status), confirmed.text);
          const left: unknown[] = await server.context.store
            .knex('api_subscriptions')
            .where({ api_resource_id: api });
          assert.deepEqual(left, []);
        }
      });

      it('up to as many as an API may have', async () => {
        const api = await newApi(admin);
        const link = await confirmationLink(server, admin, api, 'late@example.com');
        const now = Date.now();
        await server.change((db) =>
          db.insertAll(
            'api_subscriptions',
            Array.from({ length: 100_000 }, (_, n) => ({
              id: `${api}-${n}`,
              api_resource_id: api,
              email: `p${n}@example.com`,
              email_key: `p${n}@example.com`,
              locale: 'en',
              created_at: now,
              updated_at: now,
            })),
          ),
        );
        assert.deepEqual(codeOf(await get(link)), [409, 300009]);
        await server.change((db) => db.deleteAll('api_subscriptions', { api_resource_id: api }));
        assert.equal((await get(link)).status, 200);
      });
    });

    describe('leave', () => {
      /** A link that ends a subscription of a new API. */
      async function endingLink(email: string): Promise<{ api: string; link: string }> {
        const api = await newApi(admin);
        await subscribed(server, admin, api, email);
        const { announce } = await import('../../../src/gateway/subscribers/index.js');
        await server.change((db) =>
          announce(
            db,
            {
              id: `event-of-${api}`,
              apiResourceId: api,
              apiName: 'Orders',
              kind: 'release',
              versionName: '',
              notes: 'New',
            },
            100,
          ),
        );
        const [mail] = await mailsTo(server, email);
        return { api, link: linkIn(mail?.text, 'DelSubscription') };
      }

      it('by the link of any mail, as often as it is used', async () => {
        const { api, link } = await endingLink('leaver@example.com');
        for (const _time of ['first', 'second']) {
          const heard = await get(link);
          assert.deepEqual(
            [heard.status, bodyOf(heard)['data']],
            [200, { email: 'leaver@example.com', subscribed: false }],
          );
        }
        assert.deepEqual(await listOf(admin, api), []);
      });

      it('by one click of a mail program, without cookies, in either kind of form (RFC 8058) [SEC-G28]', async () => {
        const form = { 'List-Unsubscribe': 'One-Click' };
        const multipart = asForm(form);
        for (const [n, said] of [
          { form },
          { method: 'POST', body: multipart.bytes, headers: multipart.headers },
          { method: 'POST' },
        ].entries()) {
          const { api, link } = await endingLink(`click-${n}@example.com`);
          const heard = await get(link, said);
          assert.equal(heard.status, 200, heard.text);
          assert.equal(heard.headers.get('set-cookie'), null);
          assert.deepEqual(await listOf(admin, api), []);
        }
      });

      it('by no form that says something else [SEC-G28]', async () => {
        const { api, link } = await endingLink('form@example.com');
        const multipart = asForm({ 'List-Unsubscribe': 'One-Click' });
        for (const [status, said] of [
          [422, { form: { 'List-Unsubscribe': 'Two-Clicks' } }],
          [422, { form: { colour: 'red' } }],
          [422, { form: new URLSearchParams('List-Unsubscribe=One-Click&List-Unsubscribe=One-Click') }],
          [415, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }],
          [413, { form: { 'List-Unsubscribe': 'x'.repeat(9000) } }],
          [400, { method: 'POST', body: 'nothing', headers: multipart.headers }],
          [
            422,
            {
              method: 'POST',
              body: asForm({ 'List-Unsubscribe': Buffer.from('x') }).bytes,
              headers: multipart.headers,
            },
          ],
        ] as const)
          assert.equal((await get(link, said)).status, status, JSON.stringify(said));
        assert.deepEqual(await listOf(admin, api), ['form@example.com']);
      });

      it('not by a code that is wrong, or another subscriber’s or API’s [SEC-G28]', async () => {
        const { api, link } = await endingLink('stays@example.com');
        const { api: other, link: others } = await endingLink('other@example.com');
        const [code, theirs] = [link, others].map(
          (each) => new URL(each, server.issuer).searchParams.get('code') ?? '?',
        ) as [string, string];
        const [id, signature] = code.split('.') as [string, string];
        for (const [of, bad] of [
          [api, 'x'],
          [api, theirs],
          [other, code],
          [api, `${id}.`],
          [api, `${id}.${'A'.repeat(43)}`],
          [api, `${theirs.split('.')[0]}.${signature}`],
          [api, `${code}=`],
          ['none', code],
        ] as const)
          assert.deepEqual(
            codeOf(await get(`/api/ApiResource/${of}/DelSubscription?code=${encodeURIComponent(bad)}`)),
            [422, 300012],
            bad,
          );
        assert.deepEqual(await listOf(admin, api), ['stays@example.com']);
      });

      it('and come back by another confirmation; the old link still ends it', async () => {
        const email = 'back@example.com';
        const { api, link } = await endingLink(email);
        await get(link);
        await server.change((db) => db.from('rate_counts').delete());
        await subscribed(server, admin, api, email);
        assert.deepEqual(await listOf(admin, api), [email]);
        assert.equal((await get(link)).status, 200);
        assert.deepEqual(await listOf(admin, api), []);
      });

      it('and come at the same time: either is the end of it, and the list has the address once or not', async () => {
        for (let n = 0; n < 5; n++) {
          const email = `both-${n}@example.com`;
          const { api, link } = await endingLink(email);
          await get(link);
          await server.change((db) => db.from('rate_counts').delete());
          const confirm = await confirmationLink(server, admin, api, email);
          const answers = await Promise.all([get(confirm), get(link), get(confirm), get(link)]);
          for (const { status } of answers) assert.ok([200, 409, 422].includes(status), String(status));
          assert.equal(answers[1]?.status, 200);
          const list = await listOf(admin, api);
          assert.ok(list.length === 0 || (list.length === 1 && list[0] === email), list.join());
        }
      });

      it('for good: years later as well, and until the API is deleted', async () => {
        const { api, link } = await endingLink('years@example.com');
        await server.change((db) => db.from('api_subscriptions').update({ created_at: 0, updated_at: 0 }));
        await server.restart();
        assert.equal((await get(link)).status, 200);
        await admin.done('DELETE', `/api/ApiResource/${api}`);
        assert.deepEqual(codeOf(await get(link)), [422, 300012]);
      });
    });

    describe('in a browser', () => {
      it('get a page by GET, and nothing changes; nor does it by HEAD', async () => {
        const api = await newApi(admin, 'Orders & <more>');
        const link = await confirmationLink(server, admin, api, 'page@example.com');
        for (const headers of [
          BROWSER,
          { accept: 'text/html' },
          { accept: 'application/json, text/html;q=0.1' },
        ]) {
          const { status, headers: answered, text } = await get(link, { headers });
          assert.equal(status, 200);
          assert.match(answered.get('content-type') ?? '', /^text\/html/);
          assert.match(text, /<h1>Subscribe to Orders &amp; &lt;more&gt;\?<\/h1>/);
          assert.ok(text.includes(`<form method="post" action="${link}">`), text);
          assert.equal(answered.get('cache-control'), 'no-store');
          assert.equal(answered.get('referrer-policy'), 'no-referrer');
          assert.match(answered.get('vary') ?? '', /Accept(,|$)/);
          assert.equal(answered.get('set-cookie'), null);
        }
        for (const headers of [BROWSER, {}]) {
          const { status, text } = await get(link, { method: 'HEAD', headers });
          assert.deepEqual([status, text], [200, '']);
        }
        assert.deepEqual(await listOf(admin, api), []);
      });

      it('do it by the button', async () => {
        const api = await newApi(admin, 'Orders');
        const link = await confirmationLink(server, admin, api, 'button@example.com');
        const { status, text } = await get(link, { headers: BROWSER, form: {} });
        assert.equal(status, 200);
        assert.match(text, /<h1>You are subscribed<\/h1>/);
        assert.match(text, /button@example\.com gets mail about Orders/);
        assert.deepEqual(await listOf(admin, api), ['button@example.com']);
        const again = await get(link, { headers: BROWSER, form: {} });
        assert.equal(again.status, 409);
        assert.match(again.text, /<h1>You are subscribed already<\/h1>/);
      });

      it('read that a link does nothing any more', async () => {
        const api = await newApi(admin);
        for (const what of ['AddSubscription', 'DelSubscription'])
          for (const method of ['GET', 'POST']) {
            const { status, text } = await get(`/api/ApiResource/${api}/${what}?code=x`, {
              method,
              headers: BROWSER,
            });
            assert.equal(status, 422);
            assert.match(text, /<h1>This link is (no longer|not) valid<\/h1>/);
            assert.doesNotMatch(text, /<form/);
          }
      });

      it('are told in their language', async () => {
        const api = await newApi(admin, '订单');
        const link = await confirmationLink(server, admin, api, 'zh@example.com');
        const { text } = await get(link, { headers: { ...BROWSER, 'accept-language': 'zh-CN' } });
        assert.match(text, /<html lang="zh-CN">[\s\S]*<h1>确定订阅“订单”？<\/h1>/);
      });
    });

    describe('are listed', () => {
      it('with what is the contract’s, newest first', async () => {
        const api = await newApi(admin);
        for (const name of ['ann', 'bob', 'eve']) await subscribed(server, admin, api, `${name}@example.com`);
        const { body } = await admin.ask('GET', `/api/ApiResource/${api}/Subscriptions?take=2`);
        assert.equal(body['total'], 3);
        const [first, second] = body['data'] as [Record<string, unknown>, Record<string, unknown>];
        assert.deepEqual([first['email'], second['email']], ['eve@example.com', 'bob@example.com']);
        assert.deepEqual(Object.keys(first).sort(), ['createdAt', 'email', 'id', 'updatedAt']);
        const next = await admin.ask(
          'GET',
          `/api/ApiResource/${api}/Subscriptions?take=2&after=${body['next'] as string}`,
        );
        assert.deepEqual(
          (next.body['data'] as { email: string }[]).map(({ email }) => email),
          ['ann@example.com'],
        );
      });

      it('to developers of their own APIs only [SEC-G25]', async () => {
        const words = ['isms.apiresource.all'];
        const developer = caller(server, await userToken(server, words, words, undefined, ['developer']));
        const own = await newApi(developer);
        await subscribed(server, developer, own, 'mine@example.com');
        assert.deepEqual(await listOf(developer, own), ['mine@example.com']);
        const theirs = await newApi(admin);
        const path = `/api/ApiResource/${theirs}/Subscriptions`;
        assert.equal((await developer.ask('GET', path)).status, 404);
        assert.equal(
          (await developer.ask('POST', `${path}/VerifyEmail`, { email: 'a@example.com' })).status,
          404,
        );
      });

      it('not of an API that is not there', async () => {
        assert.equal((await admin.ask('GET', '/api/ApiResource/none/Subscriptions')).status, 404);
      });
    });
  });

for (const kind of STORES)
  describe(`mails that ask an address to subscribe, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    before(async () => {
      server = await startServer(
        kind,
        {},
        { codes: { perTarget: 3, mailPerTenant: 5 }, limits: { enabled: false } },
      );
      admin = await administrator(server);
    });
    after(() => server.stop());

    const verify = async (api: string, email: string): Promise<[number, string | null]> => {
      const path = `/api/ApiResource/${api}/Subscriptions/VerifyEmail`;
      const { status, headers } = await admin.ask('POST', path, { email });
      return [status, headers.get('retry-after')];
    };
    const seconds = (answer: [number, string | null], most: number): void => {
      assert.equal(answer[0], 429);
      const wait = Number(answer[1]);
      assert.ok(wait > 0 && wait <= most, String(wait));
    };

    it('come to an address once a minute for an API, three times a day, and to five a day in all [SEC-G26]', async () => {
      const apis = await Promise.all(Array.from({ length: 4 }, () => newApi(admin)));
      const [first = ''] = apis;
      assert.equal((await verify(first, 'carla@example.com'))[0], 200);
      seconds(await verify(first, 'Carla@Example.COM'), 60);
      for (const api of apis.slice(1, 3)) assert.equal((await verify(api, 'carla@example.com'))[0], 200);
      seconds(await verify(apis[3] ?? '', 'carla@example.com'), 86_400);
      for (const name of ['one', 'two']) assert.equal((await verify(first, `${name}@example.com`))[0], 200);
      seconds(await verify(first, 'three@example.com'), 86_400);
    });

    it('are counted where the address cannot be read', async () => {
      const counts: { id: string }[] = await server.context.store.knex('rate_counts');
      assert.ok(counts.some(({ id }) => id.startsWith('subscription:')));
      assert.ok(counts.every(({ id }) => !id.includes('@')));
    });
  });

describe('links of mails, opened too often', () => {
  let server: TestServer;
  afterEach(() => server.stop());

  const open = async (limits: object, path: string): Promise<Heard[]> => {
    server = await startServer('sqlite', {}, { limits: { windowSeconds: 3600, ...limits } });
    const ask = (headers: Record<string, string>) => send(new URL(path, server.issuer), { headers });
    await ask({});
    return [await ask({}), await ask(BROWSER)];
  };

  for (const area of ['open', 'api'])
    it(`are refused to an address, a browser gets the page (${area})`, async () => {
      const [program, browser] = await open(
        { [area]: { address: 1 } },
        '/api/ApiResource/x/DelSubscription?code=x',
      );
      assert.deepEqual([program?.status, browser?.status], [429, 429]);
      assert.match(program?.headers.get('retry-after') ?? '', /^\d+$/);
      assert.match(browser?.text ?? '', /<h1>One moment, please<\/h1>/);
    });
});
