import assert from 'node:assert/strict';
import pino from 'pino';
import { insertApiResource, newApiResource } from '../../../src/api-resources/index.js';
import { announce, subscriberCouriers } from '../../../src/gateway/subscribers/index.js';
import type { Announcement } from '../../../src/gateway/types.js';
import { openSweeper, OutcomeUnknown, type Deliver, type Message } from '../../../src/jobs/index.js';
import type { Messenger } from '../../../src/messaging/index.js';
import { tenantDb } from '../../../src/store/index.js';
import type { Tenant } from '../../../src/tenants/index.js';
import { administrator, type Caller } from '../../support/area.js';
import { GENEROUS, STORES } from '../../support/config.js';
import { send } from '../../support/http.js';
import { startServer, type TestServer } from '../../support/server.js';
import { linkIn, mailsTo, newApi, subscribed } from './list.js';

let made = 0;

for (const kind of STORES)
  describe(`what subscribers are told, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    before(async () => {
      server = await startServer(kind, {}, { ...GENEROUS, limits: { enabled: false } });
      admin = await administrator(server);
    });
    after(() => server.stop());

    const eventOf = (apiResourceId: string, more: Partial<Announcement> = {}): Announcement => ({
      id: `event-${++made}`,
      apiResourceId,
      apiName: 'Orders',
      kind: 'release',
      versionName: '',
      notes: 'Faster.',
      ...more,
    });
    const tell = (event: Announcement): Promise<unknown> => server.change((db) => announce(db, event, 100));
    /** Subscribers past the mails, for tests about many. */
    const addMany = (api: string, count: number, tenant = server.home.tenant): Promise<void> =>
      server.change(
        (db) =>
          db.insertAll(
            'api_subscriptions',
            Array.from({ length: count }, (_, n) => ({
              id: `${api}-${String(n).padStart(6, '0')}`,
              api_resource_id: api,
              email: `many-${n}@example.com`,
              email_key: `many-${n}@example.com`,
              locale: 'en',
              created_at: 1,
              updated_at: 1,
            })),
          ),
        tenant,
      );
    const couriers = (messenger: Partial<Messenger> = {}): ReadonlyMap<string, Deliver> => {
      const { store, vault } = server.context;
      return subscriberCouriers({ store, vault, messenger: messenger as Messenger });
    };
    /** Delivers a message of a kind as the outbox would. */
    const deliver = (
      deliverKind: string,
      payload: unknown,
      of: ReadonlyMap<string, Deliver>,
      tenant = server.home.tenant,
    ): Promise<void> => {
      const message: Message = {
        tenantId: tenant.id,
        id: 'message',
        payload,
        handOver: () => Promise.resolve(),
      };
      return (of.get(deliverKind) as Deliver)(message);
    };

    it('is the API, its version, the notes, where it is called and how to leave', async () => {
      const api = await newApi(admin);
      await subscribed(server, admin, api, 'told@example.com');
      await tell(
        eventOf(api, {
          versionName: 'v2',
          notes: 'Orders can be cancelled.\nFaster.',
          path: '/gateway/orders/v2',
        }),
      );
      const [mail] = await mailsTo(server, 'told@example.com');
      assert.equal(mail?.subject, 'New release of Orders v2');
      const text = mail?.text ?? '';
      assert.ok(text.startsWith('Orders v2 has a new release. What is new:\n'), text);
      assert.ok(text.includes('\n    Orders can be cancelled.\n    Faster.\n'), text);
      assert.ok(text.includes(`Address of the API: ${server.issuer}/gateway/orders/v2\n`), text);
      assert.ok(text.includes(`\nUnsubscribe: ${server.issuer}${linkIn(text, 'DelSubscription')}\n`), text);
      assert.equal(mail?.unsubscribe, server.issuer + linkIn(text, 'DelSubscription'));
      assert.ok(mail?.html?.includes('Orders can be cancelled.\nFaster.'));
      assert.ok(mail?.html?.includes('white-space:pre-wrap'));
    });

    it('says which API they subscribed to, and shows its address without a link: a browser finds no page there', async () => {
      const api = await newApi(admin);
      await subscribed(server, admin, api, 'address@example.com');
      await tell(eventOf(api, { versionName: 'v2', notes: 'Faster.', path: '/gateway/orders/v2' }));
      const [mail] = await mailsTo(server, 'address@example.com');
      assert.match(mail?.text ?? '', /\nYou get this mail because you subscribed to Orders\.\n/);
      assert.ok(mail?.html?.includes(`>${server.issuer}/gateway/orders/v2<`));
      assert.doesNotMatch(mail?.html ?? '', /href="[^"]*\/gateway\//);
    });

    it('is that it was published, where there are no notes', async () => {
      const api = await newApi(admin);
      await subscribed(server, admin, api, 'published@example.com');
      await tell(eventOf(api, { kind: 'publish', notes: '' }));
      const [mail] = await mailsTo(server, 'published@example.com');
      assert.equal(mail?.subject, 'Orders was published');
      assert.doesNotMatch(mail?.text ?? '', /Address of the API/);
    });

    it('is in the language in which they were asked', async () => {
      const api = await newApi(admin);
      await subscribed(server, admin, api, 'wang@example.com', { 'accept-language': 'zh-CN' });
      await tell(eventOf(api, { apiName: '订单', notes: '更快。' }));
      const [mail] = await mailsTo(server, 'wang@example.com');
      assert.equal(mail?.subject, '“订单”更新通知');
      assert.match(mail?.text ?? '', /“订单”已更新，更新内容如下：\n\n {4}更快。/);
      assert.match(mail?.text ?? '', /退订：http/);
    });

    it('is once for each event, however often it is announced, also at the same time [SEC-G27]', async () => {
      const api = await newApi(admin);
      await subscribed(server, admin, api, 'once@example.com');
      const event = eventOf(api);
      const [before, other] = [(await mailsTo(server, 'once@example.com')).length, eventOf(api)];
      await tell(event);
      await mailsTo(server, 'once@example.com');
      await Promise.all([tell(event), tell(event), tell(other), tell(other)]);
      await tell({ ...event, notes: 'Other notes.' });
      assert.equal((await mailsTo(server, 'once@example.com')).length, before + 2);
    });

    it('is forgotten a week later, when its mails are sent or given up', async () => {
      const event = eventOf(await newApi(admin));
      await tell(event);
      const { store } = server.context;
      const rows = () => store.knex('api_announcements').where({ id: event.id });
      const [row] = (await rows()) as { created_at: number; expires_at: number }[];
      assert.equal(Number(row?.expires_at) - Number(row?.created_at), 7 * 86_400_000);
      await rows().update({ expires_at: Date.now() });
      const sweeper = openSweeper(store, pino({ level: 'silent' }), { enabled: false, intervalSeconds: 1 });
      await sweeper.sweep();
      await sweeper.close();
      assert.deepEqual(await rows(), []);
    });

    it('is nothing where the change that it is about was rolled back [SEC-G27]', async () => {
      const api = await newApi(admin);
      await subscribed(server, admin, api, 'rolled@example.com');
      const event = eventOf(api);
      const before = (await mailsTo(server, 'rolled@example.com')).length;
      await assert.rejects(
        server.change(async (db) => {
          await announce(db, event, 100);
          throw new Error('rolled back');
        }),
        /rolled back/,
      );
      assert.equal((await mailsTo(server, 'rolled@example.com')).length, before);
      await tell(event);
      assert.equal((await mailsTo(server, 'rolled@example.com')).length, before + 1);
    });

    it('is nothing for addresses that did not confirm, unsubscribed, confirmed later, or subscribed to another API [SEC-G26]', async () => {
      const [api, other] = [await newApi(admin), await newApi(admin)];
      await admin.done('POST', `/api/ApiResource/${api}/Subscriptions/VerifyEmail`, {
        email: 'asked@example.com',
      });
      await subscribed(server, admin, other, 'other@example.com');
      await subscribed(server, admin, api, 'left@example.com');
      await tell(eventOf(api));
      const [first] = await mailsTo(server, 'left@example.com');
      await send(new URL(linkIn(first?.text, 'DelSubscription'), server.issuer));
      const counts = async (): Promise<number[]> =>
        Promise.all(
          ['asked', 'other', 'left', 'later'].map(
            async (name) => (await mailsTo(server, `${name}@example.com`)).length,
          ),
        );
      const before = await counts();
      await server.change(async (db) => {
        await announce(db, eventOf(api), 100);
        await db
          .from('outbox')
          .where({ kind: 'announcement' })
          .update({ next_at: Date.now() + 60_000 });
      });
      await subscribed(server, admin, api, 'later@example.com');
      await server.context.store.knex('outbox').update({ next_at: 0 });
      assert.deepEqual(await counts(), [...before.slice(0, 3), 1]);
    });

    it('is nothing for an address that unsubscribes while its mail waits for a connection [SEC-G28]', async () => {
      const api = await newApi(admin);
      await addMany(api, 1);
      const event = eventOf(api);
      await tell(event);
      const subscription = `${api}-000000`;
      const sent: string[] = [];
      const busy = couriers({
        async send(_tenant, id, _message, ready) {
          await server.change((db) =>
            db.from('api_subscriptions').where({ id: subscription }).update({ ended_at: 1 }),
          );
          await ready?.();
          sent.push(id);
        },
      });
      await deliver('announcement_mail', { announcement: event.id, subscription }, busy);
      assert.deepEqual(sent, []);
    });

    it('is tried again where the mail server did not take it', async () => {
      const api = await newApi(admin);
      await addMany(api, 1);
      const event = eventOf(api);
      await tell(event);
      for (const error of [new Error('refused'), new OutcomeUnknown('silent')]) {
        const failing = couriers({ send: () => Promise.reject(error) });
        const mail = { announcement: event.id, subscription: `${api}-000000` };
        await assert.rejects(deliver('announcement_mail', mail, failing), error);
      }
    });

    it('is nothing once the API is deleted', async () => {
      const api = await newApi(admin);
      await addMany(api, 3);
      const event = eventOf(api);
      await tell(event);
      await admin.done('DELETE', `/api/ApiResource/${api}`);
      await deliver('announcement', { announcement: event.id }, couriers());
      const never = couriers({ send: () => assert.fail('nothing is sent') });
      await deliver('announcement_mail', { announcement: event.id, subscription: `${api}-000000` }, never);
    });

    it('cannot add a header, whatever the API and its notes are called [SEC-G26]', async () => {
      const api = await newApi(admin);
      await subscribed(server, admin, api, 'lines@example.com');
      await tell(
        eventOf(api, {
          apiName: 'Orders\r\nBcc: everybody@example.com\u2028x',
          versionName: 'v1\nX-Other: 1',
          notes: 'a\r\n.\r\nBcc: b@example.com',
        }),
      );
      const [mail] = await mailsTo(server, 'lines@example.com');
      assert.equal(mail?.subject, 'New release of Orders Bcc: everybody@example.com x v1 X-Other: 1');
    });

    describe('where they are many', () => {
      // Of a tenant whose mail goes nowhere, so that what is queued stays in the outbox.
      let silent: Tenant;
      before(async () => {
        silent = await server.addTenant(`silent-${kind}`, `silent.example.com:${server.port}`);
      });

      const newSilentApi = (): Promise<string> =>
        server.change((db) => insertApiResource(db, newApiResource(`api-${++made}`, [])), silent);
      /** The subscriptions whose mails of an event are in the outbox. */
      const queued = async ({ id }: Announcement): Promise<string[]> => {
        const rows: { payload: string }[] = await server.context.store
          .knex('outbox')
          .where({ tenant_id: silent.id, kind: 'announcement_mail' });
        return rows
          .map(({ payload }) => JSON.parse(payload) as { announcement: string; subscription: string })
          .filter(({ announcement }) => announcement === id)
          .map(({ subscription }) => subscription);
      };
      const fanOut = ({ id }: Announcement): Promise<void> =>
        deliver('announcement', { announcement: id }, couriers(), silent);

      it('costs the change four statements; each of 10,000 mails is queued once, by several workers', async () => {
        const api = await newSilentApi();
        await addMany(api, 10_000, silent);
        const event = eventOf(api);
        const statements: string[] = [];
        await server.context.store.transaction(async (trx) => {
          trx.on('query', ({ sql }: { sql: string }) => void statements.push(sql));
          await announce(tenantDb(trx, silent.id), event, 100);
        });
        assert.ok(statements.length <= 4, statements.join('\n'));
        // As when the lease of the first has ended.
        await Promise.all([fanOut(event), fanOut(event)]);
        await fanOut(event);
        const mails = await queued(event);
        assert.equal(mails.length, 10_000);
        assert.equal(new Set(mails).size, 10_000);
      });

      it('goes on from where it was broken off', async () => {
        const api = await newSilentApi();
        await addMany(api, 1200, silent);
        const event = eventOf(api);
        await server.change(async (db) => {
          await announce(db, event, 100);
          await db
            .from('api_announcements')
            .where({ id: event.id })
            .update({ queued_to: `${api}-000499` });
        }, silent);
        await fanOut(event);
        const mails = await queued(event);
        assert.deepEqual([mails.length, mails.sort()[0]], [700, `${api}-000500`]);
      });

      it('delays no code for a sign-in: the mails have a lane of their own', async () => {
        const api = await newSilentApi();
        await addMany(api, 3, silent);
        const event = eventOf(api);
        await server.change((db) => announce(db, event, 100), silent);
        await fanOut(event);
        const rows: { lane: string }[] = await server.context.store
          .knex('outbox')
          .where({ tenant_id: silent.id, kind: 'announcement_mail' });
        assert.deepEqual([...new Set(rows.map(({ lane }) => lane))], [`${silent.id}:announcement_mail`]);
      });
    });
  });
