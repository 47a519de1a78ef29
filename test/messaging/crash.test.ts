import assert from 'node:assert/strict';
import { loadConfig } from '../../src/config.js';
import { openContext } from '../../src/context.js';
import { queueText } from '../../src/messaging/index.js';
import { tenantTransaction } from '../../src/store/index.js';
import { findHomeTenant } from '../../src/tenants/index.js';
import { environment, STORES } from '../support/config.js';
import { startMailServer } from '../support/mail.js';
import { kill, serve } from '../support/process.js';
import { often } from '../support/profile.js';

const MESSAGES = often({ short: 300, long: 1000 });
/** It is killed when this one has arrived. */
const MIDDLE = MESSAGES / 5;

for (const kind of STORES)
  it(`${MESSAGES} messages survive kill -9: each arrives once or is still in the outbox, none twice, on ${kind}`, async function () {
    const mails = await startMailServer();
    const env = await environment(
      kind,
      {
        GATEHOUSE_SMTP_URL: mails.url,
        GATEHOUSE_MAIL_FROM: 'no-reply@example.com',
      },
      'started',
    );
    const context = await openContext(loadConfig(env));
    const first = await serve(env);
    const home = await findHomeTenant(context.store.knex);
    assert.ok(home);
    await tenantTransaction(context.store, home.id, async (db) => {
      for (let n = 0; n < MESSAGES; n++)
        await queueText(db, context.vault, {
          channel: 'mail',
          to: `person-${n}@example.com`,
          template: 'test',
          locale: 'en',
          values: {},
        });
    });
    await mails.mailTo(`person-${MIDDLE}@example.com`);
    await kill(first, 'SIGKILL');
    const arrivedBefore = mails.mails.length;
    assert.ok(arrivedBefore < MESSAGES, 'it was killed in the middle');
    const second = await serve(env);
    await mails.mailTo(`person-${MESSAGES - 1}@example.com`);
    await kill(second, 'SIGTERM');
    const left = (await context.store.knex('outbox').where({ kind: 'message' })) as {
      next_at: unknown;
      gives_up_at: unknown;
    }[];
    const handedOver = left.filter((row) => Number(row.next_at) === Number(row.gives_up_at));
    await context.close();
    await mails.close();
    const ids = mails.mails.map(({ messageId }) => messageId);
    assert.equal(new Set(ids).size, ids.length);
    // One that was with the mail server when the process died may be in both: it arrived, and nobody here knows.
    assert.ok(ids.length + left.length >= MESSAGES, `${ids.length} arrived, ${left.length} left`);
    // Eight are tried at once; all others are known not to have left, and go again.
    assert.ok(handedOver.length <= 8, `${handedOver.length} were handed over`);
    console.log(
      `      ${arrivedBefore} before the kill, ${ids.length} in all; of ${left.length} kept, ${handedOver.length} perhaps arrived`,
    );
  });
