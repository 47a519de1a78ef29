import assert from 'node:assert/strict';
import pino from 'pino';
import { findDraft, putDraft, type Draft } from '../../../src/codegen/sdk/store.js';
import { openSweeper } from '../../../src/jobs/index.js';
import { tenantDb, tenantTransaction } from '../../../src/store/index.js';
import { newApi } from '../../jobs/tracked/support.js';
import { onEveryStore } from '../../support/stores.js';
import { createTenantAt } from '../../support/tenants.js';

onEveryStore('the draft of a release that was never published', (open) => {
  it('is swept 30 days after it was made', async () => {
    const store = open();
    const { id } = await store.transaction((trx) => createTenantAt(trx, 'drafts', 'drafts.example.com'));
    const key = { apiId: await newApi(store, id), generator: 'hey-api-fetch' };
    const draft: Draft = {
      jobId: 'j1',
      details: {
        manifest: { name: 'orders', version: '1.0.0' },
        ...{ registry: 'https://registry.example.com/', integrity: '', changes: '', swaggerUrl: null },
        ...{ tags: [], publisher: 'Orders', language: 'typescript' },
      },
      tarball: Buffer.from('tarball'),
      document: '',
    };
    await tenantTransaction(store, id, (db) => putDraft(db, key, draft));
    const sweeper = openSweeper(store, pino({ level: 'silent' }), { enabled: false, intervalSeconds: 1 });
    assert.equal(await sweeper.sweep(), 0);
    assert.deepEqual(await findDraft(tenantDb(store.knex, id), key), draft);
    const { created_at, expires_at } = await store.knex('sdk_drafts').first('created_at', 'expires_at');
    assert.equal(Number(expires_at) - Number(created_at), 30 * 86_400_000);
    await store.knex('sdk_drafts').update({ expires_at: 1 });
    assert.equal(await sweeper.sweep(), 1);
    await sweeper.close();
  });
});
