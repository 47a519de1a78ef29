import assert from 'node:assert/strict';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Config } from '../../src/config.js';
import { insertRows } from '../../src/store/insert-rows.js';
import { migrate, openStore, tenantDb, UniqueViolation, type Store } from '../../src/store/index.js';
import { createTenantAt } from '../support/tenants.js';
import { storeProbe } from '../../src/observe/index.js';
import { beginDeletion, deleteTenant, finishDeletion } from '../../src/tenants/store.js';
import { configFor } from '../support/config.js';
import { deviceApi } from '../support/devices.js';
import { send } from '../support/http.js';
import { clientToken } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';
import { onEveryStore } from '../support/stores.js';

onEveryStore('a large transaction', (open) => {
  const valueOf = async (key: string): Promise<unknown> =>
    (await open().prepare('SELECT value FROM meta WHERE key = ?').first(key))?.['value'];

  it('sees its own writes, hides them until it ends, and answers what its work does', async () => {
    const answer = await open().largeTransaction(async (trx) => {
      await trx('meta').insert({ key: 'a', value: '1' });
      assert.equal(await valueOf('a'), undefined);
      return trx('meta').where({ key: 'a' }).select<{ value: string }[]>('value');
    });
    assert.deepEqual([answer[0]?.value, await valueOf('a')], ['1', '1']);
  });

  it('is rolled back when its work throws', async () => {
    const work = open().largeTransaction(async (trx) => {
      await trx('meta').insert({ key: 'b', value: '1' });
      throw new Error('changed my mind');
    });
    await assert.rejects(work, /changed my mind/);
    assert.equal(await valueOf('b'), undefined);
  });

  it('keeps single writes, and other transactions, out until it ends [SEC-R32]', async () => {
    const store = open();
    const insert = store.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
    let others: Promise<unknown>[] = [];
    const work = store.largeTransaction(async (trx) => {
      others = [
        insert.run('c', 'single'),
        store.transaction((small) => small('meta').insert({ key: 'd', value: 'small' })),
        store.largeTransaction((large) => large('meta').insert({ key: 'e', value: 'large' })),
      ];
      await trx('meta').insert({ key: 'f', value: 'rolled back' });
      throw new Error('no');
    });
    await assert.rejects(work);
    await Promise.all(others);
    assert.deepEqual(await Promise.all(['c', 'd', 'e', 'f'].map(valueOf)), [
      'single',
      'small',
      'large',
      undefined,
    ]);
  });

  it('says which unique index a write broke', async () => {
    const store = open();
    const tenant = await store.transaction((trx) => createTenantAt(trx, 'one', 'one.example.com'));
    const row = { id: 'r', name: 'twice', created_at: 1, updated_at: 1 };
    const work = store.largeTransaction(async (trx) => {
      await tenantDb(trx, tenant.id).insertAll('roles', [row, { ...row, id: 's' }]);
    });
    await assert.rejects(work, (error) => error instanceof UniqueViolation && error.index === 'roles_name');
  });

  it('writes the rows whose keys are free, and says which they were', async () => {
    const store = open();
    const tenant = await store.transaction((trx) => createTenantAt(trx, 'two', 'two.example.com'));
    const rows = (from: number, to: number): Record<string, unknown>[] =>
      Array.from({ length: to - from }, (_, n) => ({ id: `c-${from + n}`, count: from + n, expires_at: 1 }));
    const written = await store.largeTransaction(async (trx) => {
      const db = tenantDb(trx, tenant.id);
      await db.insertAll('rate_counts', rows(0, 1200));
      return db.insertFree('rate_counts', ['id'], 'count', rows(1190, 1203));
    });
    assert.deepEqual([...written], [1200, 1201, 1202]);
  });
});

onEveryStore('the probe of the store', (open) => {
  it('waits for no large transaction of this process [SEC-R35]', async () => {
    const store = open();
    const probe = storeProbe(store);
    await store.largeTransaction(async (trx) => {
      await trx('meta').insert({ key: 'large', value: '1' });
      await probe();
    });
    assert.equal(await store.meta.get('large'), '1');
  });
});

/** What this thread asks SQLite, while it is listened to. */
function listenToSqlite(): { heard: string[]; stop(): void } {
  const heard: string[] = [];
  const { prepare, exec } = Database.prototype;
  Database.prototype.prepare = function (this: Database.Database, sql: string) {
    const statement = prepare.call(this, sql);
    for (const way of ['run', 'get', 'all'] as const) {
      const own = statement[way].bind(statement) as (...values: unknown[]) => unknown;
      Object.assign(statement, {
        [way]: (...values: unknown[]) => {
          heard.push(sql);
          return own(...values);
        },
      });
    }
    return statement;
  } as typeof prepare;
  Database.prototype.exec = function (this: Database.Database, sql: string) {
    heard.push(sql);
    return exec.call(this, sql);
  };
  return { heard, stop: () => Object.assign(Database.prototype, { prepare, exec }) };
}

describe('work on many rows, on SQLite, leaves this thread alone', () => {
  let server: TestServer;
  let listener: ReturnType<typeof listenToSqlite>;
  let token: string;
  before(async () => {
    listener = listenToSqlite();
    server = await startServer('sqlite');
    token = await clientToken(server, ['isms.all']);
  });
  after(async () => {
    await server.stop();
    listener.stop();
  });

  const deleted = async (path: string): Promise<void> => {
    const { status } = await send(new URL(path, server.issuer), {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(status, 200);
  };
  /** The statements of this thread that write into a table. */
  const writesInto = async (table: string, work: () => Promise<unknown>): Promise<string[]> => {
    listener.heard.length = 0;
    await work();
    return listener.heard.filter((sql) =>
      new RegExp(`^(delete from|insert into|update) ["\`]?${table}\\b`, 'i').test(sql),
    );
  };

  it('hears of what this thread does', async () => {
    const writes = await writesInto('users', () => server.addUser({ userName: 'heard' }));
    assert.equal(writes.length, 1);
  });

  it('when a user is erased [SEC-R32]', async () => {
    const { id } = await server.addUser({ userName: 'erased' });
    assert.deepEqual(await writesInto('users', () => deleted(`/api/User/${id}?erase=true`)), []);
  });

  it('when a role is deleted that many may have', async () => {
    const id = await server.change(async (db) => {
      await db.insert('roles', { id: 'gone', name: 'gone', created_at: 1, updated_at: 1 });
      return 'gone';
    });
    assert.deepEqual(await writesInto('user_roles', () => deleted(`/api/Role/${id}`)), []);
  });

  it('when a tenant is deleted [SEC-R32]', async () => {
    const { id, name } = await server.addTenant('leaving', 'leaving.example.com');
    const writes = await writesInto('roles', () => deleted(`/api/Tenant/${id}?confirm=${name}`));
    assert.deepEqual(writes, []);
  });

  it('when a list of devices is written [SEC-R32]', async () => {
    const api = await deviceApi(server);
    const list = Array.from({ length: 3 }, (_, n) => ({ username: `device-${n}`, password: 'p' }));
    const writes = await writesInto('mqtt_credentials', async () => {
      assert.equal((await api.call('POST', 'auth_username', list)).status, 200);
    });
    assert.deepEqual(writes, []);
  });
});

describe('the write-ahead log of SQLite', () => {
  let config: Config;
  let store: Store;
  /** Keeps the file open, so that closing the store is not what checkpoints. */
  let watcher: Database.Database;
  beforeEach(async () => {
    config = await configFor('sqlite');
    store = await openStore(config);
    await migrate(store);
    watcher = new Database(join(config.dataDir, 'gatehouse.sqlite'));
    watcher.prepare('SELECT * FROM meta').all();
  });
  afterEach(() => watcher.close());

  const log = (): { log: number; checkpointed: number } =>
    watcher.prepare('PRAGMA wal_checkpoint(NOOP)').get() as { log: number; checkpointed: number };
  const page = 'x'.repeat(4000);
  const rows = (from: number, amount: number): Record<string, unknown>[] =>
    Array.from({ length: amount }, (_, n) => ({ key: `page-${from + n}`, value: page }));
  const write = (from: number, amount: number): Promise<unknown> =>
    store.transaction((trx) => insertRows(trx, 'meta', {}, rows(from, amount)));

  it('goes into the file once a thousand pages wait, and not in this thread [SEC-R32]', async () => {
    const listener = listenToSqlite();
    const other = await openStore(config);
    assert.deepEqual(await other.knex.raw('PRAGMA wal_autocheckpoint'), [{ wal_autocheckpoint: 0 }]);
    await other.transaction((trx) => insertRows(trx, 'meta', {}, rows(0, 1500)));
    await other.close();
    await store.close();
    listener.stop();
    assert.deepEqual(
      listener.heard.filter((sql) => /wal_checkpoint\((?!NOOP)/.test(sql)),
      [],
    );
    assert.ok(log().log > 1500);
    assert.equal(log().checkpointed, log().log);
  });

  it('begins again from its start while others go on writing', async () => {
    let longest = 0;
    for (let from = 0; from < 40_000; from += 200) {
      await write(from, 200);
      longest = Math.max(longest, log().log);
    }
    await store.close();
    assert.ok(longest < 20_000, `${longest} pages`);
  });
});

onEveryStore('the deletion of a tenant', (open) => {
  const rowsOf = async (id: string): Promise<number> =>
    Number(
      (await open().prepare('SELECT COUNT(*) AS n FROM rate_counts WHERE tenant_id = ?').first(id))?.['n'],
    );

  it('lets other writes go between its pieces [SEC-R32]', async () => {
    const store = open();
    const tenant = await store.transaction((trx) => createTenantAt(trx, 'blue', 'blue.example.com'));
    const rows = Array.from({ length: 20_000 }, (_, n) => ({ id: `c-${n}`, count: n, expires_at: 1 }));
    await store.largeTransaction(async (trx) => {
      await tenantDb(trx, tenant.id).insertAll('rate_counts', rows);
      await beginDeletion(trx, tenant);
    });
    let done = false;
    const deletion = finishDeletion(store, tenant.id).finally(() => (done = true));
    const left = new Set<number>();
    while (!done) {
      await store.meta.set('between', String(left.size));
      left.add(await rowsOf(tenant.id));
    }
    await deletion;
    for (const none of [0, 20_000]) left.delete(none);
    assert.ok(left.size > 0);
    assert.equal(await store.prepare('SELECT id FROM tenants WHERE id = ?').first(tenant.id), undefined);
  });

  it('deletes the rows of each table by itself, before those that they refer to', async () => {
    const store = open();
    const tenant = await store.transaction((trx) => createTenantAt(trx, 'red', 'red.example.com'));
    const emptied: string[] = [];
    await store.largeTransaction(async (trx) => {
      trx.on('query', ({ sql }: { sql: string }) => {
        const table = /^delete from ["`](\w+)["`]/.exec(sql)?.[1];
        if (table !== undefined && table !== emptied.at(-1)) emptied.push(table);
      });
      await deleteTenant(trx, tenant);
    });
    const names =
      store.dialect === 'sqlite'
        ? `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'tenant_id' WHERE m.type = 'table'`
        : `SELECT table_name AS name FROM information_schema.columns WHERE column_name = 'tenant_id' AND table_schema = current_schema()`;
    const tables = (await store.prepare(names).all()).map(({ name }) => name as string);
    const kept = ['released_tenants']; // what is left to do about the tenant's files
    assert.deepEqual(
      tables.filter((table) => !emptied.includes(table)),
      kept,
    );
    assert.ok(emptied.indexOf('user_roles') < emptied.indexOf('users'));
    assert.ok(emptied.indexOf('client_secrets') < emptied.indexOf('clients'));
    assert.equal(emptied.at(-1), 'tenants');
  });
});
