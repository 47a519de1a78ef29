import assert from 'node:assert/strict';
import pino from 'pino';
import { openSweeper } from '../../../src/jobs/index.js';
import { openMetrics } from '../../../src/observe/index.js';
import { openStore, tenantDb, type Store } from '../../../src/store/index.js';
import { openUsage, type CountedCall, type Usage } from '../../../src/gateway/usage/index.js';
import { OTHER } from '../../../src/gateway/usage/counts.js';
import { readUsage, type Asked } from '../../../src/gateway/usage/store.js';
import { configFor, STORES } from '../../support/config.js';
import { createTenantAt } from '../../support/tenants.js';

const HOUR = 3_600_000;
const NOON = Date.parse('2026-03-01T12:00:00Z');
const config = {
  gateway: { announcementsPerDay: 20, usage: { minuteHours: 48, hourDays: 92, dayDays: 1100 } },
};
const silent = pino({ level: 'silent' });

for (const kind of STORES)
  describe(`the usage of APIs, on ${kind}`, () => {
    let stores: Store[];
    let names = 0;
    const times = { at: NOON };

    before(async () => {
      const settings = await configFor(kind, {}, {}, 'migrated');
      stores = [await openStore(settings), await openStore(settings)];
    });
    after(() => Promise.all(stores.map((store) => store.close())));
    beforeEach(() => {
      times.at = NOON;
    });

    const store = (): Store => stores[0] as Store;
    const newTenant = async (): Promise<string> => {
      names += 1;
      const tenant = await store().transaction((trx) =>
        createTenantAt(trx, `t${names}`, `t${names}.example.com`),
      );
      return tenant.id;
    };
    const nodes = (): Usage[] =>
      stores.map((each) => openUsage({ store: each, log: silent, config, now: () => times.at }));
    const call = (tenantId: string, more: Partial<CountedCall> = {}): CountedCall => ({
      tenantId,
      apiId: 'orders',
      revisionId: 'r1',
      operation: 'GET /items',
      clientId: 'shop',
      status: 200,
      milliseconds: 5,
      ...more,
    });
    const series = (tenantId: string, more: Partial<Asked> = {}) =>
      readUsage(tenantDb(store().knex, tenantId), {
        apiId: 'orders',
        step: 'hour',
        dimension: 'none',
        from: NOON - 24 * HOUR,
        to: NOON + HOUR,
        ...more,
      });

    it('adds up what several nodes write at once, and loses nothing', async () => {
      const tenantId = await newTenant();
      const all = nodes();
      const flushes: Promise<void>[] = [];
      for (let n = 0; n < 600; n += 1) {
        const node = all[n % 2] as Usage;
        node.count(call(tenantId, { operation: `GET /${n % 30}`, status: n % 10 === 0 ? 500 : 200 }));
        if (n % 20 < 2) flushes.push(node.flush());
      }
      await Promise.all(flushes);
      await Promise.all(all.map((node) => node.close()));
      const [point, ...others] = await series(tenantId);
      assert.deepEqual(others, []);
      assert.deepEqual(point, { time: NOON, calls: 600, errors: 60, p50: 4.76, p95: 4.76, p99: 4.76 });
      const minutes = await series(tenantId, { step: 'minute', from: NOON, to: NOON + 60_000 });
      assert.deepEqual(minutes[0]?.calls, 600);
      const byOperation = await series(tenantId, { dimension: 'operation' });
      assert.equal(
        byOperation.reduce((sum, { calls }) => sum + calls, 0),
        600,
      );
    });

    it('is answered by time, without the steps that had no calls', async () => {
      const tenantId = await newTenant();
      const [node] = nodes() as [Usage];
      node.count(call(tenantId));
      times.at = NOON - 2 * HOUR;
      node.count(call(tenantId, { milliseconds: 900, status: 404 }));
      await node.close();
      assert.deepEqual(await series(tenantId), [
        { time: NOON - 2 * HOUR, calls: 1, errors: 1, p50: 861, p95: 861, p99: 861 },
        { time: NOON, calls: 1, errors: 0, p50: 4.76, p95: 4.76, p99: 4.76 },
      ]);
    });

    it('is told apart by operation, client, status and revision', async () => {
      const tenantId = await newTenant();
      const [node] = nodes() as [Usage];
      node.count(call(tenantId));
      node.count(call(tenantId, { operation: '', clientId: undefined, status: 404, revisionId: 'r2' }));
      await node.close();
      for (const [dimension, expected] of [
        ['operation', ['(none)', 'GET /items']],
        ['client', ['(none)', 'shop']],
        ['status', ['200', '404']],
        ['revision', ['r1', 'r2']],
      ] as const)
        assert.deepEqual(
          (await series(tenantId, { dimension })).map(({ key, calls }) => [key, calls]),
          expected.map((key) => [key, 1]),
        );
    });

    it('counts calls that a proxy forwards without errors and latencies, with a status that is unknown', async () => {
      const tenantId = await newTenant();
      const [node] = nodes() as [Usage];
      node.count(call(tenantId, { status: undefined, milliseconds: undefined }));
      const unknown = { p50: null, p95: null, p99: null };
      await node.flush();
      assert.deepEqual(await series(tenantId), [{ time: NOON, calls: 1, errors: 0, ...unknown }]);
      node.count(call(tenantId, { status: 500 }));
      await node.close();
      const known = { p50: 4.76, p95: 4.76, p99: 4.76 };
      assert.deepEqual(await series(tenantId), [{ time: NOON, calls: 2, errors: 1, ...known }]);
      assert.deepEqual(await series(tenantId, { dimension: 'status' }), [
        { time: NOON, key: '(unknown)', calls: 1, errors: 0, ...unknown },
        { time: NOON, key: '500', calls: 1, errors: 1, ...known },
      ]);
    });

    it('names the operations with the most calls, and adds the others up', async () => {
      const tenantId = await newTenant();
      const [node] = nodes() as [Usage];
      for (let operation = 0; operation < 25; operation += 1)
        for (let times = 0; times <= operation; times += 1)
          node.count(call(tenantId, { operation: `GET /${operation}` }));
      await node.close();
      const points = await series(tenantId, { dimension: 'operation' });
      assert.equal(points.length, 21);
      assert.equal(points.find(({ key }) => key === OTHER)?.calls, 1 + 2 + 3 + 4 + 5);
      assert.equal(points.find(({ key }) => key === 'GET /24')?.calls, 25);
    });

    it('is of one tenant and one API', async () => {
      const [tenantId, another] = [await newTenant(), await newTenant()];
      const [node] = nodes() as [Usage];
      node.count(call(tenantId));
      node.count(call(another));
      node.count(call(tenantId, { apiId: 'invoices' }));
      await node.close();
      assert.deepEqual(
        (await series(tenantId)).map(({ calls }) => calls),
        [1],
      );
    });

    it('takes names that a database would refuse', async () => {
      const tenantId = await newTenant();
      const [node] = nodes() as [Usage];
      node.count(call(tenantId, { operation: 'GET /a\0b', clientId: `c\ud800` }));
      node.count(call(tenantId, { operation: `GET /${'é'.repeat(8000)}` }));
      await node.close();
      assert.deepEqual(
        (await series(tenantId, { dimension: 'operation' })).map(({ key }) => key?.slice(0, 8)),
        ['GET /a\ufffdb', 'GET /ééé'],
      );
    });

    it('is kept until it can be written', async () => {
      const tenantId = await newTenant();
      const settings = await configFor(kind, {}, {}, 'migrated');
      const failing = await openStore(settings);
      let down = true;
      const flaky: Store = {
        ...failing,
        knex: store().knex,
        transaction: (work) =>
          down ? Promise.reject(new Error('the store is down')) : store().transaction(work),
      };
      const node = openUsage({ store: flaky, log: silent, config, now: () => times.at });
      node.count(call(tenantId));
      await node.flush();
      assert.deepEqual(await series(tenantId), []);
      node.count(call(tenantId));
      down = false;
      await node.close();
      assert.equal((await series(tenantId))[0]?.calls, 2);
      await failing.close();
    });

    it('of a tenant that was deleted is dropped, and that of others is written', async () => {
      const [tenantId, deleted] = [await newTenant(), await newTenant()];
      const [node] = nodes() as [Usage];
      node.count(call(deleted));
      node.count(call(tenantId));
      await store().knex('tenants').where({ id: deleted }).delete();
      await node.close();
      assert.equal((await series(tenantId))[0]?.calls, 1);
      assert.deepEqual(await store().knex('gateway_usage').where({ tenant_id: deleted }), []);
    });

    it('is thinned by the sweeper: first the minutes go, then the hours, then the days', async () => {
      const tenantId = await newTenant();
      const [node] = nodes() as [Usage];
      const day = 24 * HOUR;
      const now = Date.now();
      for (const ago of [0, 3 * day, 100 * day, 1200 * day]) {
        times.at = now - ago;
        node.count(call(tenantId));
        await node.flush();
      }
      await node.close();
      const sweeper = openSweeper(store(), silent, { enabled: false, intervalSeconds: 60 });
      await sweeper.sweep();
      await sweeper.close();
      const left = async (step: Asked['step']): Promise<number> =>
        (await series(tenantId, { step, from: 0, to: now + day })).length;
      assert.deepEqual([await left('minute'), await left('hour'), await left('day')], [1, 2, 3]);
    });

    it('is told to Prometheus by tenant, API and class of status, and by nothing else', async () => {
      const tenantId = await newTenant();
      const metrics = await openMetrics();
      const node = openUsage({ store: store(), log: silent, config, metrics });
      node.count(call(tenantId, { milliseconds: 250 }));
      node.count(call(tenantId, { status: 503, milliseconds: 250 }));
      node.count(call(tenantId, { status: 999, milliseconds: NaN }));
      const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('gatehouse_gateway'));
      const labels = `tenant="t${names}",api="orders"`;
      assert.deepEqual(lines, [
        `gatehouse_gateway_calls_total{${labels},status="other"} 1`,
        `gatehouse_gateway_calls_total{${labels},status="2xx"} 1`,
        `gatehouse_gateway_calls_total{${labels},status="5xx"} 1`,
        `gatehouse_gateway_call_seconds_total{${labels}} 0.5`,
      ]);
      await node.close();
    });
  });
