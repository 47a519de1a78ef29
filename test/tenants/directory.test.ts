import assert from 'node:assert/strict';
import pino from 'pino';
import type { Config } from '../../src/config.js';
import { migrate, openStore, type Store } from '../../src/store/index.js';
import {
  openTenantDirectory,
  touchTenant,
  type Tenant,
  type TenantDirectory,
} from '../../src/tenants/index.js';
import { deleteTenant } from '../../src/tenants/store.js';
import { createTenantAt } from '../support/tenants.js';
import { configFor, STORES } from '../support/config.js';
import { until } from '../support/raw.js';

/** So that nothing is found by looking now and then. */
const NEVER = { cached: 10, refreshSeconds: 86_400 };
const HOST = 'shop.example.com';
/** A request comes with a turn of the event loop of its own. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

for (const kind of STORES)
  describe(`what a node knows of tenants, on ${kind}`, () => {
    let config: Config;
    let here: Store;
    let elsewhere: Store;
    let directory: TenantDirectory;
    let tenant: Tenant;

    beforeEach(async () => {
      config = await configFor(kind, {}, {}, 'migrated');
      here = await openStore(config);
      await migrate(here); // as each start does: it opens the connection that hears of others' commits
      elsewhere = await openStore(config);
      directory = openTenantDirectory(here, pino({ level: 'silent' }), NEVER);
      tenant = await elsewhere.transaction((trx) => createTenantAt(trx, 'shop', HOST));
      await until(async () => (await directory.byHost(HOST)) !== undefined);
    });
    afterEach(async () => {
      directory.close();
      await here.close();
      await elsewhere.close();
    });

    const version = async (): Promise<number> => (await directory.byHost(HOST))?.version ?? 0;
    const touch = (): Promise<void> => elsewhere.transaction((trx) => touchTenant(trx, tenant.id));

    it('follows a change of another process at its word, before any look [SEC-R12]', async () => {
      const before = await version();
      await touch();
      await nextTurn();
      // SQLite says so at once, PostgreSQL within moments.
      if (kind === 'sqlite') assert.ok((await version()) > before);
      else await until(async () => (await version()) > before);
    });

    it('follows a deletion by another process', async () => {
      await elsewhere.transaction((trx) => deleteTenant(trx, tenant));
      await until(async () => (await directory.byHost(HOST)) === undefined);
    });

    it('stays as it is, and costs no look, while nothing changes', async () => {
      const first = await directory.byHost(HOST);
      await nextTurn();
      assert.equal(directory.byHost(HOST), first);
    });
  });

describe('what a node on postgres knows of tenants, when its ear is cut off', () => {
  it('is looked for again when it hears again [SEC-R12]', async () => {
    const config = await configFor('postgres', {}, {}, 'migrated');
    const here = await openStore(config);
    const elsewhere = await openStore(config);
    const tenant = await elsewhere.transaction((trx) => createTenantAt(trx, 'shop', HOST));
    const directory = openTenantDirectory(here, pino({ level: 'silent' }), NEVER);
    const version = async (): Promise<number> => (await directory.byHost(HOST))?.version ?? 0;
    const ears = `FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`;
    const hears = async (): Promise<boolean> =>
      (await here.knex.raw<{ rowCount: number }>(`SELECT pid ${ears}`)).rowCount === 1;
    try {
      await until(hears);
      const before = await version();
      await elsewhere.transaction(async (trx) => {
        await trx.raw(`SELECT pg_terminate_backend(pid) ${ears}`);
        await touchTenant(trx, tenant.id);
      });
      await until(async () => (await version()) > before);
    } finally {
      directory.close();
      await here.close();
      await elsewhere.close();
    }
  });
});

describe('what a node on postgres knows of tenants, when the store does not answer', () => {
  it('is served after a moment, and one look at a time waits for the store [SEC-R35]', async () => {
    const config = await configFor('postgres', {}, { store: { statementSeconds: 300 } }, 'migrated');
    const here = await openStore(config);
    const elsewhere = await openStore(config);
    const tenant = await elsewhere.transaction((trx) => createTenantAt(trx, 'shop', HOST));
    const directory = openTenantDirectory(here, pino({ level: 'silent' }), NEVER);
    const looksThatWait = async (): Promise<number> =>
      (
        await elsewhere.knex.raw<{ rowCount: number }>(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        )
      ).rowCount;
    try {
      await until(async () => (await directory.byHost(HOST)) !== undefined);
      await nextTurn();
      await elsewhere.transaction(async (trx) => {
        await trx.raw('LOCK TABLE deleted_tenants IN ACCESS EXCLUSIVE MODE'); // each look reads it
        for (let words = 0; words < 5; words += 1) {
          await elsewhere.transaction((other) => touchTenant(other, tenant.id));
          await until(async () => {
            await directory.byHost(HOST);
            return (await looksThatWait()) > 0;
          });
          assert.equal((await directory.byHost(HOST))?.id, tenant.id);
        }
        assert.equal(await looksThatWait(), 1);
      });
      const before = tenant.version;
      await until(async () => ((await directory.byHost(HOST))?.version ?? 0) > before);
    } finally {
      directory.close();
      await here.close();
      await elsewhere.close();
    }
  });
});
