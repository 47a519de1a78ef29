import assert from 'node:assert/strict';
import pino from 'pino';
import { openLiveCatalogue } from '../../../src/gateway/catalogue/index.js';
import type { Statement, Store } from '../../../src/store/index.js';
import { STORES } from '../../support/config.js';
import { publishIn } from '../../support/catalogue.js';
import { startServer, type TestServer } from '../../support/server.js';
import { insertApiResource, newApiResource } from '../../../src/api-resources/index.js';
import { gatewayChanged } from '../../../src/gateway/catalogue/changes.js';

/** A store whose statements fail from a moment on, as those of a database that is gone do. */
function failing(store: Store): { store: Store; fail(fails: boolean): void } {
  let fails = false;
  const statement = (real: Statement): Statement => ({
    ...real,
    all: async (...values) => {
      if (fails) throw new Error('the store is away');
      return real.all(...values);
    },
  });
  const away = Object.create(store, {
    prepare: { value: (sql: string) => statement(store.prepare(sql)) },
  }) as Store;
  return { store: away, fail: (now) => void (fails = now) };
}

for (const kind of STORES)
  describe(`live APIs while the store is away, on ${kind}`, () => {
    let server: TestServer;
    before(async () => {
      server = await startServer(kind);
    });
    after(() => server.stop());

    it('are served as they were, and followed again when it is back', async () => {
      const { store, fail } = failing(server.context.store);
      const live = openLiveCatalogue({ store, log: pino({ level: 'silent' }) });
      const tenant = server.home.tenant;
      const id = await server.change((db) => insertApiResource(db, newApiResource('orders', [])));
      const { suffix } = await server.change(async (db) => {
        await publishIn(db, id);
        await gatewayChanged(db);
        return db.from('api_version_sets').where({ api_resource_id: id }).first<{ suffix: string }>('suffix');
      });
      await live.refresh();
      const api = await live.bySuffix(tenant, suffix);
      assert.ok(api);
      await server.change(async (db) => {
        await db.from('api_versions').where({ id }).update({ scope: 'changed' });
        await gatewayChanged(db);
      });
      fail(true);
      await live.refresh();
      assert.equal(await live.bySuffix(tenant, suffix), api);
      // A change of which there was word is read in vain, and what is known goes on being served.
      assert.equal(await live.bySuffix({ ...tenant, version: tenant.version + 1e6 }, suffix), api);
      assert.equal(live.bySuffix({ ...tenant, version: tenant.version + 1e6 }, suffix), api);
      await assert.rejects(async () => live.bySuffix(tenant, 'never-read'), /the store is away/);
      fail(false);
      await live.refresh();
      const after = async (): Promise<string | undefined> =>
        (await live.bySuffix(tenant, suffix))?.versions.get('')?.scope.join();
      while ((await after()) !== 'changed') await new Promise((resolve) => setImmediate(resolve));
      live.close();
    });
  });
