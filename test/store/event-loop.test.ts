import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import Database from 'better-sqlite3';
import pino from 'pino';
import type { Config } from '../../src/config.js';
import { openSweeper } from '../../src/jobs/index.js';
import { openDeviceLists } from '../../src/mqtt/bulk.js';
import { devicePasswords } from '../../src/mqtt/passwords.js';
import { insertRows } from '../../src/store/insert-rows.js';
import { migrate, openStore, tenantDb, type Store } from '../../src/store/index.js';
import type { Tenant } from '../../src/tenants/index.js';
import { deleteTenant } from '../../src/tenants/store.js';
import { eraseUser, insertUser } from '../../src/users/index.js';
import { configFor, STORES } from '../support/config.js';
import { createTenantAt } from '../support/tenants.js';

/** How many turns the event loop makes until the work is done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let done = false;
  const turn = (): void => {
    turns += 1;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  done = true;
  return turns;
}

/** More than a twentieth of what one turn may work. */
const SLOW = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
  SELECT COUNT(*) AS c FROM n`;
const ROUNDS = 50;
/** Microtasks alone would get there in one turn, or two where the work begins with one. */
const ENOUGH = 5;

describe('loops of statements on SQLite let the event loop go on', () => {
  let config: Config;
  let store: Store;
  let tenant: Tenant;
  before(async () => {
    config = await configFor('sqlite');
    store = await openStore(config);
    await migrate(store);
    await store.meta.set('x', 'slow to write');
    tenant = await store.transaction((trx) => createTenantAt(trx, 'busy', 'busy.example.com'));
  });
  after(() => store.close());

  const UPDATE = `UPDATE meta SET value = (${SLOW}) WHERE key = 'x'`;
  const LOOPS: Record<string, () => Promise<unknown>> = {
    first: () => store.prepare(SLOW).first(),
    all: () => store.prepare(SLOW).all(),
    run: () => store.prepare(UPDATE).run(),
    unit: () => store.unit([{ statement: store.prepare(UPDATE), values: [] }]),
    'a raw query': async () => store.knex.raw(SLOW),
    'a built query': async () => store.knex.from(store.knex.raw(`(${SLOW}) AS some`)),
  };
  for (const [name, statement] of Object.entries(LOOPS))
    it(`each by ${name} [SEC-R32]`, async () => {
      const turns = await turnsDuring(async () => {
        for (let n = 0; n < ROUNDS; n += 1) await statement();
      });
      assert.ok(turns >= ENOUGH, `${turns} turns`);
    });

  it('in a transaction, in which single writes wait for its end [SEC-R32]', async () => {
    const insert = store.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
    let single: Promise<number> | undefined;
    const turns = await turnsDuring(() =>
      store.transaction(async (trx) => {
        single = insert.run('after', '1');
        for (let n = 0; n < ROUNDS; n += 1) await trx.raw(SLOW);
        assert.equal(await trx('meta').where({ key: 'after' }).first(), undefined);
      }),
    );
    assert.ok(turns >= ENOUGH, `${turns} turns`);
    assert.equal(await single, 1);
  });

  it('that come in one turn', async () => {
    const asks: (() => Promise<unknown>)[] = [
      () => store.prepare(SLOW).together(),
      () => store.prepare(UPDATE).run(),
    ];
    for (const ask of asks) {
      const turns = await turnsDuring(() => Promise.all(Array.from({ length: ROUNDS }, ask)));
      assert.ok(turns >= ENOUGH, `${turns} turns`);
    }
  });

  it('where rows are inserted past knex', async () => {
    const rows = Array.from({ length: 20_000 }, (_, n) => ({ key: `row-${n}`, value: 'x'.repeat(100) }));
    const turns = await turnsDuring(() => store.transaction((trx) => insertRows(trx, 'meta', {}, rows)));
    assert.ok(turns >= ENOUGH, `${turns} turns`);
  });

  it('while another process holds the file [SEC-R32]', async () => {
    const other = new Database(join(config.dataDir, 'gatehouse.sqlite'));
    other.exec('BEGIN IMMEDIATE');
    const writes = [
      store.meta.set('waited', 'single'),
      store.transaction((trx) => trx('meta').insert({ key: 'waited-too', value: 'x' })),
    ];
    // Would never be reached if the writes waited in place.
    await new Promise((resolve) => setTimeout(resolve, 1));
    other.exec('COMMIT');
    await Promise.all(writes);
    assert.equal(await store.meta.get('waited'), 'single');
    other.close();
  });

  const artifacts = (amount: number, expiresAt: number, accountId: string): Record<string, unknown>[] =>
    Array.from({ length: amount }, (_, n) => ({
      id: `${accountId}-${n}`,
      model: 'AccessToken',
      payload: 'x'.repeat(400),
      account_id: accountId,
      uid: `${accountId}-${n}`,
      expires_at: expiresAt,
      created_at: 0,
    }));
  const fill = (rows: Record<string, unknown>[]): Promise<unknown> =>
    store.transaction((trx) => insertRows(trx, 'oidc_artifacts', { tenant_id: tenant.id }, rows));

  it('while the sweeper works [SEC-R32]', async () => {
    await fill(artifacts(10_000, 1, 'nobody'));
    const sweeper = openSweeper(store, pino({ level: 'silent' }), { enabled: false, intervalSeconds: 60 });
    let removed = 0;
    const turns = await turnsDuring(async () => (removed = await sweeper.sweep()));
    assert.equal(removed, 10_000);
    assert.ok(turns >= ENOUGH, `${turns} turns`);
  });

  it('while the answer to a list of devices is read', async () => {
    const { passwords } = config.mqtt;
    const devices = Array.from({ length: 200_000 }, (_, n) => ({ username: `device-${n}`, password: 'p' }));
    const body = [new Uint8Array(Buffer.from(JSON.stringify(devices)))];
    const list = await openDeviceLists(passwords, devicePasswords(passwords)).take('username', body);
    let count = 0;
    for await (const piece of list.pieces()) count += piece.length;
    assert.equal(count, 200_000);
    const answer = Readable.from(list.answer({ existed: new Set(), twice: new Set() }), {
      objectMode: false,
    });
    const turns = await turnsDuring(() => pipeline(answer, new Writable({ write: (_, __, done) => done() })));
    assert.ok(turns >= ENOUGH, `${turns} turns`);
  });

  it('while a tenant is deleted [SEC-R32]', async () => {
    await fill(artifacts(10_000, Date.now() + 60_000, 'somebody'));
    const turns = await turnsDuring(() => store.transaction((trx) => deleteTenant(trx, tenant)));
    assert.ok(turns >= ENOUGH, `${turns} turns`);
  });
});

for (const kind of STORES)
  describe(`rows that are deleted in pieces, on ${kind}`, () => {
    let store: Store;
    before(async () => {
      store = await openStore(await configFor(kind));
      await migrate(store);
    });
    after(() => store.close());

    const countOf = async (table: string, tenantId: string): Promise<number> =>
      Number(
        ((await store.knex(table).where({ tenant_id: tenantId }).count({ n: '*' }).first()) as { n: number })
          .n,
      );

    it('go all, and no others', async () => {
      const [red, blue] = await Promise.all(
        ['red', 'blue'].map((name) =>
          store.transaction((trx) => createTenantAt(trx, name, `${name}.example.com`)),
        ),
      );
      assert.ok(red && blue);
      const counts = (amount: number): Record<string, unknown>[] =>
        Array.from({ length: amount }, (_, n) => ({ id: `c-${n}`, count: n % 2, expires_at: 1 }));
      for (const { id } of [red, blue])
        await store.transaction((trx) => tenantDb(trx, id).insertAll('rate_counts', counts(5301)));
      const db = tenantDb(store.knex, red.id);
      assert.equal(await db.deleteAll('rate_counts', { count: 1 }), 2650);
      assert.equal(await countOf('rate_counts', red.id), 2651);
      await store.transaction((trx) => deleteTenant(trx, red));
      assert.deepEqual([await countOf('rate_counts', red.id), await countOf('roles', red.id)], [0, 0]);
      assert.equal(await countOf('rate_counts', blue.id), 5301);
    });

    it('are forgotten with a user, whatever their number', async () => {
      const tenant = await store.transaction((trx) => createTenantAt(trx, 'green', 'green.example.com'));
      await store.transaction(async (trx) => {
        const db = tenantDb(trx, tenant.id);
        const user = await insertUser(db, { userName: 'erased' }, null);
        const rows = Array.from({ length: 1250 }, (_, n) => ({
          id: `audit-${n}`,
          at: n,
          event: 'test',
          result: 'success',
          actor: user.userKey,
          address: '192.0.2.1',
          detail: '{}',
        }));
        await db.insertAll('audit', rows);
        await eraseUser(db, user);
      });
      const left = await store.knex('audit').where({ tenant_id: tenant.id }).whereNotNull('address');
      assert.equal(left.length, 0);
      assert.equal(await countOf('audit', tenant.id), 1250);
    });
  });
