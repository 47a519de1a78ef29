import assert from 'node:assert/strict';
import pino from 'pino';
import { BATCH, openSweeper } from '../../src/jobs/index.js';
import { openArtifacts } from '../../src/oidc/index.js';
import { onEveryStore } from '../support/stores.js';
import { createTenantAt } from '../support/tenants.js';

onEveryStore('the sweeper', (open) => {
  it('deletes what has expired, in batches, and leaves the rest', async () => {
    const store = open();
    const tenant = await store.transaction((trx) => createTenantAt(trx, 'swept', 'swept.example.com'));
    const artifacts = openArtifacts(store);
    const expired = BATCH * 2 + 7;
    const put = (id: string, expiresAt: number | null): Promise<void> =>
      artifacts.put(tenant.id, 'AccessToken', id, { payload: '{}', expiresAt, createdAt: 0, generation: 0 });
    await Promise.all(Array.from({ length: expired }, (_, i) => put(`old-${i}`, Date.now() - 1000)));
    await put('live', Date.now() + 60_000);
    await put('endless', null);
    const lines: string[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const sweeper = openSweeper(store, log, { enabled: false, intervalSeconds: 1 });
    assert.equal(await sweeper.sweep(), expired);
    assert.equal(await sweeper.sweep(), 0);
    assert.ok(await artifacts.find(tenant.id, 'AccessToken', 'live'));
    assert.ok(await artifacts.find(tenant.id, 'AccessToken', 'endless'));
    const { table, removed, backlog } = JSON.parse(lines[0] as string) as Record<string, unknown>;
    assert.deepEqual({ table, removed, backlog }, { table: 'oidc_artifacts', removed: expired, backlog: 0 });
    await sweeper.close();
  });
});
