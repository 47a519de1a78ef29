import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { tenantDb } from '../../src/store/index.js';
import { onEveryStore } from '../support/stores.js';
import { createTenantAt } from '../support/tenants.js';

const VALUE = 'unmistakable-value';

onEveryStore('errors of the store', (open, kind) => {
  let tenantId: string;
  before(async () => {
    tenantId = (await open().transaction((trx) => createTenantAt(trx, 'red', 'red.example.com'))).id;
  });

  const row = { id: `${VALUE}-id`, kind: VALUE, payload: VALUE, next_at: 1, gives_up_at: 1 };
  const insert =
    'INSERT INTO outbox (tenant_id, id, kind, payload, next_at, gives_up_at) VALUES (?, ?, ?, ?, ?, ?)';
  const values = (): (string | number)[] => [tenantId, row.id, VALUE, VALUE, 1, 1];
  const bigint = 'SELECT * FROM outbox WHERE kind = ? AND next_at = ?';

  /** Every way in which a statement is carried out, and fails. */
  const WAYS: Record<string, () => Promise<unknown>> = {
    'a query of knex': () =>
      open()
        .knex('outbox')
        .insert({ ...row, tenant_id: tenantId }),
    'one in a transaction': () =>
      open().transaction(async (trx) => trx('outbox').insert({ ...row, tenant_id: tenantId })),
    'one of the tenant': () =>
      tenantDb(open().knex, tenantId)
        .from('outbox')
        .insert({ ...row, tenant_id: tenantId }),
    'rows together': () =>
      tenantDb(open().knex, tenantId).insertAll('outbox', [row, { ...row, id: 'other' }]),
    'a prepared statement': () =>
      open()
        .prepare(insert)
        .run(...values()),
    'a unit': () => open().unit([{ statement: open().prepare(insert), values: values() }]),
    'a column that is missing': () =>
      open()
        .knex('outbox')
        .insert({ ...row, none_there: VALUE }),
    'a value that must not be missing': () =>
      open()
        .knex('outbox')
        .insert({ ...row, tenant_id: null }),
    'no such tenant': () =>
      open()
        .knex('outbox')
        .insert({ ...row, tenant_id: VALUE }),
  };

  before(() =>
    open()
      .prepare(insert)
      .run(...values()),
  );

  for (const [way, run] of Object.entries(WAYS))
    it(`tell no value: ${way} [SEC-R30]`, async () => {
      const error = await run().then(
        () => assert.fail('it did not fail'),
        (failure: unknown) => failure as Error,
      );
      const told = inspect(error, { depth: 5, showHidden: true }) + String(error.stack);
      assert.ok(!told.includes(VALUE), told);
    });

  // SQLite compares them, and finds nothing.
  if (kind === 'postgres')
    it('tell no value: one of another kind than the column’s', async () => {
      for (const run of [
        () => open().prepare(bigint).all(VALUE, VALUE),
        () => open().prepare(bigint).together(VALUE, VALUE),
        () => open().knex.raw(bigint, [VALUE, VALUE]),
      ])
        await assert.rejects(run, (error) => !inspect(error, { depth: 5, showHidden: true }).includes(VALUE));
    });

  it('say which constraint of which table refused a row', async () => {
    const twice = open()
      .prepare(insert)
      .run(...values());
    const said = kind === 'postgres' ? /outbox_pkey/ : /UNIQUE constraint failed: outbox/;
    await assert.rejects(twice, said);
  });

  /** Raises with the row in everything that a trigger can say. */
  const RAISING =
    kind === 'postgres'
      ? (code: string): string[] => [
          `CREATE OR REPLACE FUNCTION tell() RETURNS trigger AS $$ BEGIN
             RAISE EXCEPTION 'boom %', NEW USING ERRCODE = '${code}', DETAIL = NEW::text, HINT = NEW::text,
               CONSTRAINT = NEW.kind, TABLE = NEW.kind, COLUMN = NEW.kind, SCHEMA = NEW.kind, DATATYPE = NEW.kind;
           END $$ LANGUAGE plpgsql`,
          'CREATE OR REPLACE TRIGGER telling BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION tell()',
        ]
      : (action: string): string[] => [
          'DROP TRIGGER IF EXISTS telling',
          `CREATE TRIGGER telling BEFORE INSERT ON outbox BEGIN SELECT RAISE(${action}, 'boom ' || NEW.kind); END`,
        ];
  for (const how of kind === 'postgres'
    ? ['P0001', '23505', '23514', '42501', '57014', '53100', '40001', 'XX000']
    : ['ABORT', 'FAIL', 'ROLLBACK'])
    it(`tell no value: a trigger that raises with the row (${how}) [SEC-R30]`, async () => {
      for (const statement of RAISING(how)) await open().knex.raw(statement);
      for (const way of ['a query of knex', 'rows together', 'a prepared statement', 'a unit'])
        await assert.rejects(
          async () => WAYS[way]?.(),
          (error) => {
            const told = inspect(error, { depth: 5, showHidden: true }) + String((error as Error).stack);
            assert.ok(!told.includes(VALUE), `${way}: ${told}`);
            return true;
          },
        );
    });

  it('tell no value: a store that is closed', async () => {
    await open().close();
    for (const way of ['a query of knex', 'rows together', 'a prepared statement', 'a unit'])
      await assert.rejects(
        async () => WAYS[way]?.(),
        (error) => !inspect(error, { depth: 5, showHidden: true }).includes(VALUE),
        way,
      );
  });
});
