import assert from 'node:assert/strict';
import { StoreUnavailable } from '../../src/kernel/errors.js';
import { insertRows } from '../../src/store/insert-rows.js';
import { migrate, openStore, type Store } from '../../src/store/index.js';
import { configFor } from '../support/config.js';
import { until } from '../support/raw.js';
import { endThread, hearOrders } from '../support/sqlite-thread.js';

describe('the thread of SQLite', () => {
  let store: Store;
  let reported: string[];
  beforeEach(async () => {
    reported = [];
    store = await openStore(await configFor('sqlite'), (problem) => reported.push(problem));
    await migrate(store);
    reported.length = 0;
  });
  afterEach(() => store.close());

  const insert = (key: string): Promise<unknown> =>
    store.largeTransaction((trx) => trx('meta').insert({ key, value: '1' }));
  const valueOf = (key: string): Promise<string | undefined> => store.meta.get(key);
  let last = 0;
  /** A few MiB in small transactions. */
  async function writeMuch(): Promise<void> {
    for (let n = 0; n < 10; n += 1) {
      const rows = Array.from({ length: 200 }, () => ({
        key: `page-${(last += 1)}`,
        value: 'x'.repeat(4000),
      }));
      await store.transaction((trx) => insertRows(trx, 'meta', {}, rows));
    }
  }
  const pagesOfLog = async (): Promise<number> =>
    (await store.knex.raw<{ log: number }[]>('PRAGMA wal_checkpoint(NOOP)'))[0]?.log ?? 0;

  it('starts again after it has ended, and its end is reported [SEC-R32]', async () => {
    await endThread(store);
    await insert('after');
    assert.equal(await valueOf('after'), '1');
    assert.deepEqual(reported, ['the SQLite thread has ended; it starts again when it is needed']);
  });

  it('starts again for checkpoints, so that the log stays short [SEC-R32]', async () => {
    await endThread(store);
    for (let n = 0; n < 3; n += 1) await writeMuch();
    await until(async () => {
      await store.meta.set('more', String((last += 1))); // a commit asks for a checkpoint, and begins the log again after one
      return (await pagesOfLog()) < 1000;
    });
  });

  it('makes a transaction that it ends within 503, and nothing of it is written [SEC-R35]', async () => {
    const work = store.largeTransaction(async (trx) => {
      await trx('meta').insert({ key: 'half', value: '1' });
      const orders = hearOrders((worker) => void worker.terminate());
      try {
        await trx('meta').insert({ key: 'other half', value: '1' });
      } finally {
        orders.stop();
      }
    });
    await assert.rejects(
      work,
      (error) =>
        error instanceof StoreUnavailable && error.reason === 'the thread that works on the file ended',
    );
    assert.equal(await valueOf('half'), undefined);
    await insert('half');
  });

  it('lets a checkpoint that fails be reported, once for many [SEC-R32]', async () => {
    const orders = hearOrders((worker, { query }) => {
      if (/wal_checkpoint/.test(String(query))) void worker.terminate();
    });
    try {
      for (let n = 0; n < 3; n += 1) await writeMuch();
      await until(() => Promise.resolve(reported.length > 1));
      for (let n = 0; n < 3; n += 1) await writeMuch();
    } finally {
      orders.stop();
    }
    assert.deepEqual(reported.sort(), [
      'a checkpoint has failed; the write-ahead log grows until one succeeds',
      'the SQLite thread has ended; it starts again when it is needed',
    ]);
  });

  it('refuses a value that cannot be sent to it, and waits for no answer', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    await assert.rejects(
      store.largeTransaction((trx) => trx.raw('SELECT ?', [Symbol('not to be sent') as unknown as string])),
      /could not be cloned/,
    );
    const after = process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    assert.equal(after, before);
  });
});
