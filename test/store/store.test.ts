import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config.js';
import { openStore, tenantDb, UniqueViolation } from '../../src/store/index.js';
import type { Tenant } from '../../src/tenants/index.js';
import { environment, temporaryFolder } from '../support/config.js';
import { onEveryStore } from '../support/stores.js';
import { createTenantAt } from '../support/tenants.js';

onEveryStore('the store', (open) => {
  const insertMeta = 'INSERT INTO meta (key, value) VALUES (?, ?)';
  const readMeta = async (key: string): Promise<unknown> =>
    (await open().prepare('SELECT value FROM meta WHERE key = ?').first(key))?.['value'];

  it('answers how many rows a write changed, after it is committed', async () => {
    assert.equal(await open().prepare(insertMeta).run('a', '1'), 1);
    assert.equal(await readMeta('a'), '1');
    assert.equal(await open().prepare('UPDATE meta SET value = ? WHERE key = ?').run('2', 'nothing'), 0);
  });

  it('lets a write that fails fail alone, whatever arrives with it', async () => {
    const insert = open().prepare(insertMeta);
    const results = await Promise.allSettled(['b', 'b', 'c', 'c', 'd'].map((key) => insert.run(key, 'x')));
    const written = (from: number, to: number): number =>
      results.slice(from, to).filter(({ status }) => status === 'fulfilled').length;
    assert.deepEqual([written(0, 2), written(2, 4), written(4, 5)], [1, 1, 1]); // which of two, PostgreSQL decides
    assert.equal(await readMeta('d'), 'x');
  });

  it('does a unit whole', async () => {
    const insert = open().prepare(insertMeta);
    assert.equal(
      await open().unit([
        { statement: insert, values: ['e', '1'] },
        { statement: insert, values: ['f', '1'] },
      ]),
      true,
    );
    assert.equal(await readMeta('f'), '1');
  });

  it('does nothing of a unit whose required step changes nothing', async () => {
    const insert = open().prepare(insertMeta);
    const update = open().prepare('UPDATE meta SET value = ? WHERE key = ?');
    const done = await open().unit([
      { statement: insert, values: ['g', '1'] },
      { statement: update, values: ['x', 'nothing'], required: true },
    ]);
    assert.equal(done, false);
    assert.equal(await readMeta('g'), undefined);
  });

  it('does nothing of a unit that fails in the middle', async () => {
    const insert = open().prepare(insertMeta);
    const unit = open().unit([
      { statement: insert, values: ['h', '1'] },
      { statement: insert, values: ['h', '2'] },
    ]);
    await assert.rejects(unit);
    assert.equal(await readMeta('h'), undefined);
  });

  it('lets one of many win a required step', async () => {
    await open().prepare(insertMeta).run('race', 'free');
    const take = open().prepare("UPDATE meta SET value = ? WHERE key = 'race' AND value = 'free'");
    const won = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        open().unit([{ statement: take, values: [`w${i}`], required: true }]),
      ),
    );
    assert.equal(won.filter(Boolean).length, 1);
  });

  it('rolls a transaction back when its work throws, and hides it from others until it ends', async () => {
    const work = open().transaction(async (trx) => {
      await trx('meta').insert({ key: 'i', value: '1' });
      assert.equal(await readMeta('i'), undefined);
      throw new Error('changed my mind');
    });
    await assert.rejects(work, /changed my mind/);
    assert.equal(await readMeta('i'), undefined);
  });

  it('keeps single writes out of a transaction that is open at the same time', async () => {
    const insert = open().prepare(insertMeta);
    let single: Promise<number> | undefined;
    const work = open().transaction(async (trx) => {
      single = insert.run('k', 'single');
      await trx('meta').insert({ key: 'j', value: 'rolled back' });
      throw new Error('no');
    });
    await assert.rejects(work);
    assert.equal(await single, 1);
    assert.equal(await readMeta('k'), 'single');
    assert.equal(await readMeta('j'), undefined);
  });

  it('answers each of the looks that are made together with its own rows, in its own order', async () => {
    const store = open();
    await store.knex.schema.createTable('looked_at', (table) => {
      table.text('kind').notNullable();
      table.bigInteger('n').notNullable();
    });
    await store.knex('looked_at').insert(
      [1, 2, 3].flatMap((n) => [
        { kind: 'a', n },
        { kind: "it's", n },
      ]),
    );
    const look = store.prepare('SELECT n FROM looked_at WHERE kind = ? AND n >= ? ORDER BY n DESC');
    const answers = await Promise.all([
      look.together('a', 2),
      look.together('nothing', 0),
      look.together("it's", 0),
      look.together('a', 3),
    ]);
    assert.deepEqual(answers, [[[3], [2]], [], [[3], [2], [1]], [[3]]]);
    assert.deepEqual(await look.together('a', 3), [[3]]);
    assert.deepEqual(await look.all('a', 3), [{ n: 3 }]);
    const wrong = store.prepare('SELECT n FROM not_there WHERE kind = ?');
    const failed = await Promise.allSettled([
      wrong.together('a'),
      wrong.together('b'),
      look.together('a', 3),
    ]);
    assert.deepEqual(
      failed.map(({ status }) => status),
      ['rejected', 'rejected', 'fulfilled'],
    );
    await store.knex.schema.dropTable('looked_at');
  });

  it('gives a fact to whoever claims it first, and the same to the others', async () => {
    const claims = await Promise.all(
      ['one', 'two', 'three'].map((value) => open().meta.claim('claimed', value)),
    );
    assert.equal(new Set(claims).size, 1);
  });

  it('counts in numbers', async () => {
    const row = await open().prepare('SELECT COUNT(*) AS n FROM meta').first();
    assert.equal(typeof row?.['n'], 'number');
  });

  describe('bound to a tenant', () => {
    let red: Tenant;
    let blue: Tenant;

    before(async () => {
      red = await open().transaction((trx) => createTenantAt(trx, 'red', 'red.example.com'));
      blue = await open().transaction((trx) => createTenantAt(trx, 'blue', 'blue.example.com'));
    });

    const role = (name: string, id = name): Record<string, unknown> => ({
      id,
      name,
      created_at: 0,
      updated_at: 0,
    });

    it('reads, changes and deletes only its own rows', async () => {
      const [mine, theirs] = [tenantDb(open().knex, red.id), tenantDb(open().knex, blue.id)];
      await mine.insert('roles', role('painter'));
      assert.equal(await theirs.from('roles').where({ name: 'painter' }).first(), undefined);
      assert.equal(await theirs.from('roles').where({ name: 'painter' }).update({ display_name: 'x' }), 0);
      assert.equal(await theirs.from('roles').where({ name: 'painter' }).delete(), 0);
      assert.equal(await mine.from('roles').where({ name: 'painter' }).delete(), 1);
    });

    it('says which unique index a write broke', async () => {
      const db = tenantDb(open().knex, red.id);
      await db.insert('roles', role('baker'));
      await assert.rejects(
        db.insert('roles', role('baker', 'another')),
        (error: UniqueViolation) => error instanceof UniqueViolation && error.index === 'roles_name',
      );
    });

    it('refuses rows of a tenant that does not exist', async () => {
      await assert.rejects(tenantDb(open().knex, 'nobody').insert('roles', role('ghost')));
    });
  });
});

describe('durability', () => {
  const synchronous = async (more: string): Promise<unknown> => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'config'));
    writeFileSync(join(cwd, 'config', 'development.json'), more);
    const store = await openStore(loadConfig(await environment('sqlite'), cwd));
    const rows = await store.knex.raw<{ synchronous: number }[]>('PRAGMA synchronous');
    await store.close();
    return rows[0]?.synchronous;
  };

  it('"full" syncs each commit to the disk, "normal" leaves that to checkpoints', async () => {
    assert.equal(await synchronous('{ "store": { "durability": "full" } }'), 2);
    assert.equal(await synchronous('{}'), 1);
  });
});
