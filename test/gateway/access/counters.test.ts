import assert from 'node:assert/strict';
import { openCounters, type Counted, type Counters } from '../../../src/gateway/access/counters.js';
import { loadConfig } from '../../../src/config.js';
import { openLog } from '../../../src/observe/index.js';
import { openStore, type Store } from '../../../src/store/index.js';
import { environment, STORES } from '../../support/config.js';

const START = Date.parse('2026-05-06T10:00:00Z');
const HOUR = { start: START, end: START + 3_600_000 };

for (const kind of STORES)
  describe(`counters of the gateway, on ${kind}`, () => {
    let store: Store;
    let tenantId: string;
    let now = START;
    const open: Counters[] = [];

    before(async () => {
      store = await openStore(loadConfig(await environment(kind, {}, 'started')));
      const { id } = (await store.knex('tenants').first('id')) as { id: string };
      tenantId = id;
    });
    beforeEach(() => {
      now = START;
    });
    after(async () => {
      await Promise.all(open.map((counters) => counters.close()));
      await store.close();
    });

    /** A node of its own. */
    async function node(): Promise<Counters> {
      const log = await openLog(loadConfig({ LOG_LEVEL: 'silent' }));
      const counters = openCounters(store, log, () => now);
      open.push(counters);
      return counters;
    }
    const countOn = async (counters: Counters, counted: Counted, calls = 1): Promise<void> => {
      const counter = await counters.counter(counted);
      counter.here += calls;
    };
    const seenBy = async (counters: Counters, counted: Counted): Promise<number> => {
      const { here, everywhere } = await counters.counter(counted);
      return here + everywhere;
    };

    it('add up what nodes have counted', async () => {
      const [first, second] = [await node(), await node()];
      const counted = { tenantId, name: 'two nodes', window: HOUR };
      await countOn(first, counted, 3);
      await countOn(second, counted, 4);
      await first.share();
      await second.share();
      await countOn(first, counted);
      await first.share();
      assert.deepEqual([await seenBy(first, counted), await seenBy(second, counted)], [8, 7]);
    });

    it('lose nothing where nodes write at once', async () => {
      const nodes = await Promise.all(Array.from({ length: 4 }, node));
      const counted = { tenantId, name: 'at once', window: HOUR };
      await Promise.all(nodes.map((each) => countOn(each, counted, 5)));
      await Promise.all(nodes.map((each) => each.share()));
      assert.equal(await seenBy(await node(), counted), 20);
    });

    it('go on from what is stored after a restart', async () => {
      const counted = { tenantId, name: 'restart', window: HOUR };
      const before = await node();
      await countOn(before, counted, 6);
      await before.close();
      assert.equal(await seenBy(await node(), counted), 6);
    });

    it('begin again with the next period', async () => {
      const counters = await node();
      const name = 'next period';
      await countOn(counters, { tenantId, name, window: HOUR }, 6);
      now = HOUR.end;
      assert.equal(await seenBy(counters, { tenantId, name, window: { start: now, end: now + 1000 } }), 0);
    });

    it('begin a window with its first call, which ends for all nodes at the same time', async () => {
      const [first, second] = [await node(), await node()];
      const counted = { tenantId, name: 'window', window: 10_000 };
      await countOn(first, counted, 2);
      await first.share();
      now = START + 4000;
      await countOn(second, counted);
      await second.share();
      assert.equal(await seenBy(second, counted), 3);
      now = START + 10_000;
      assert.deepEqual([await seenBy(first, counted), await seenBy(second, counted)], [0, 0]);
      await countOn(first, counted);
      await first.share();
      assert.equal(await seenBy(await node(), counted), 1);
    });

    it('are apart by tenant and name', async () => {
      const counters = await node();
      await countOn(counters, { tenantId, name: 'one', window: HOUR });
      assert.equal(await seenBy(counters, { tenantId, name: 'other', window: HOUR }), 0);
    });
  });
