import assert from 'node:assert/strict';
import { insertApiResource, newApiResource } from '../../../src/api-resources/index.js';
import { loadConfig } from '../../../src/config.js';
import { openContext } from '../../../src/context.js';
import { announce } from '../../../src/gateway/subscribers/index.js';
import { tenantTransaction } from '../../../src/store/index.js';
import { findHomeTenant } from '../../../src/tenants/index.js';
import { environment, STORES } from '../../support/config.js';
import { startMailServer } from '../../support/mail.js';
import { kill, serve } from '../../support/process.js';
import { often } from '../../support/profile.js';
import { until } from '../../support/raw.js';

const SUBSCRIBERS = often({ short: 20_000, long: 60_000 });
/** So many mails arrive before the next kill. */
const SOME_MAILS = 100;

for (const kind of STORES)
  it(`the mails to ${SUBSCRIBERS} subscribers survive kill -9 while they are queued and sent: each is queued once, none arrives twice, on ${kind} [SEC-G27]`, async function () {
    this.timeout(240_000);
    const mails = await startMailServer();
    const env = await environment(
      kind,
      { GATEHOUSE_SMTP_URL: mails.url, GATEHOUSE_MAIL_FROM: 'no-reply@example.com' },
      'started',
    );
    const context = await openContext(loadConfig(env));
    const { knex } = context.store;
    const home = await findHomeTenant(knex);
    assert.ok(home);
    const event = {
      id: 'release-1',
      apiName: 'Orders',
      kind: 'release',
      versionName: '',
      notes: 'Faster.',
    } as const;
    const api = await tenantTransaction(context.store, home.id, (db) =>
      insertApiResource(db, newApiResource('orders', [])),
    );
    await tenantTransaction(context.store, home.id, (db) =>
      db.insertAll(
        'api_subscriptions',
        Array.from({ length: SUBSCRIBERS }, (_, n) => ({
          id: `s-${String(n).padStart(6, '0')}`,
          api_resource_id: api,
          email: `p-${n}@example.com`,
          email_key: `p-${n}@example.com`,
          locale: 'en',
          created_at: 1,
          updated_at: 1,
        })),
      ),
    );
    const tell = (): Promise<unknown> =>
      tenantTransaction(context.store, home.id, (db) => announce(db, { ...event, apiResourceId: api }, 100));
    const queuedTo = async (): Promise<string> =>
      (await knex('api_announcements').first<{ queued_to: string }>('queued_to')).queued_to;
    /** What a worker had when it died is free at once, and not a minute later. */
    const endLeases = () => knex('outbox').whereRaw('next_at < gives_up_at').update({ next_at: Date.now() });

    let server = await serve(env);
    await tell();
    await until(async () => (await queuedTo()) !== '');
    await kill(server, 'SIGKILL');
    const reached = await queuedTo();
    assert.ok(reached < `s-${SUBSCRIBERS - 1}`, 'it was killed while mails were queued');
    await endLeases();
    server = await serve(env);
    await tell(); // the change that it is about is made again
    await until(async () => (await knex('api_announcements').whereNotNull('queued_at')).length === 1);
    const arrived = mails.mails.length;
    await until(async () => mails.mails.length >= arrived + SOME_MAILS);
    await kill(server, 'SIGKILL');
    const between = mails.mails.length;
    await endLeases();
    server = await serve(env);
    await until(async () => mails.mails.length >= between + SOME_MAILS);
    await kill(server, 'SIGTERM');

    const rows: { payload: string }[] = await knex('outbox').where({ kind: 'announcement_mail' });
    const left = rows.map(({ payload }) => (JSON.parse(payload) as { subscription: string }).subscription);
    const to = mails.mails.map(({ to: receiver }) => [receiver ?? []].flat()[0]?.text ?? '?');
    assert.equal(new Set(left).size, left.length, 'a mail is queued twice');
    assert.equal(new Set(to).size, to.length, 'a mail arrived twice');
    // One that was with the mail server when the process died may be in both.
    const seen = new Set([...left, ...to.map((email) => `s-${email.slice(2, -12).padStart(6, '0')}`)]);
    assert.equal(seen.size, SUBSCRIBERS);
    console.log(`      killed at ${reached}; ${to.length} arrived, ${left.length} left`);
    await context.close();
    await mails.close();
  });
