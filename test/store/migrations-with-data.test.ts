import assert from 'node:assert/strict';
import { findProduct, updateProduct } from '../../src/gateway/catalogue/product-store.js';
import { migrate, openStore, schemaStatus, tenantDb, type Store } from '../../src/store/index.js';
import { configFor, STORES } from '../support/config.js';

/** A column as both databases describe it. */
interface Column {
  name: string;
  type: string;
  required: boolean;
}

interface Reference {
  columns: string[];
  parent: string;
  parentColumns: string[];
}

interface Table {
  name: string;
  columns: Column[];
  references: Reference[];
}

type Row = Record<string, unknown>;

const IS_TABLE = `type = 'table' AND name NOT LIKE 'sqlite_%' AND (name NOT LIKE 'user_search%' OR name = 'user_search_ids')`;
const SQLITE = {
  columns: `SELECT t.name AS of, c.name, lower(c.type) AS type, (c."notnull" = 1 AND c.dflt_value IS NULL) OR c.pk > 0 AS required
    FROM (SELECT name FROM sqlite_master WHERE ${IS_TABLE}) t, pragma_table_info(t.name) c ORDER BY t.name, c.cid`,
  references: `SELECT t.name AS of, json_group_array(r."from") AS columns, r."table" AS parent, json_group_array(r."to") AS parents
    FROM (SELECT name FROM sqlite_master WHERE ${IS_TABLE}) t, pragma_foreign_key_list(t.name) r GROUP BY t.name, r.id`,
};
const POSTGRES = {
  columns: `SELECT table_name AS of, column_name AS name, data_type AS type, is_nullable = 'NO' AND column_default IS NULL AS required
    FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position`,
  references: `SELECT conrelid::regclass::text AS of, json_agg(a.attname ORDER BY k.n)::text AS columns,
      confrelid::regclass::text AS parent, json_agg(b.attname ORDER BY k.n)::text AS parents
    FROM pg_constraint c
    CROSS JOIN unnest(c.conkey, c.confkey) WITH ORDINALITY AS k(own, theirs, n)
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own
    JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.theirs
    WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace GROUP BY c.oid, c.conrelid, c.confrelid`,
};

/** The store's tables, each after those that it refers to. */
async function tablesOf(store: Store): Promise<Table[]> {
  const ask = store.dialect === 'sqlite' ? SQLITE : POSTGRES;
  const found = new Map<string, Table>();
  for (const { of, ...column } of await store.prepare(ask.columns).all()) {
    const name = of as string;
    const table = found.get(name) ?? { name, columns: [], references: [] };
    found.set(name, table);
    table.columns.push(column as unknown as Column);
  }
  for (const { of, columns, parent, parents } of await store.prepare(ask.references).all())
    found.get(of as string)?.references.push({
      columns: JSON.parse(columns as string) as string[],
      parent: parent as string,
      parentColumns: JSON.parse(parents as string) as string[],
    });
  const ordered: Table[] = [];
  const add = (table: Table): void => {
    if (ordered.includes(table)) return;
    for (const { parent } of table.references) add(found.get(parent) as Table);
    ordered.push(table);
  };
  for (const table of found.values()) add(table);
  return ordered;
}

const ROWS = 2;

const valueFor = (type: string, n: number, text: string): unknown =>
  type === 'ARRAY' ? '{}' : /int|real|float|double|numeric|bool/.test(type) ? n + 1 : text;

/** Rows of each table, whatever its columns; the n-th of a table belongs to the n-th of those that it refers to. */
async function fill(store: Store): Promise<void> {
  const written = new Map<string, Row[]>();
  for (const { name, columns, references } of await tablesOf(store)) {
    if (name === 'schema_steps') continue;
    const rows = Array.from({ length: ROWS }, (_, n) => {
      const row: Row = {};
      for (const { name: column, type, required } of columns)
        if (required) row[column] = valueFor(type, n, `${name}-${n}`);
      if (columns.some((column) => column.name === 'tenant_id')) row['tenant_id'] = `tenants-${n}`;
      for (const { columns: own, parent, parentColumns } of references)
        own.forEach((column, at) => {
          row[column] = written.get(parent)?.[n]?.[parentColumns[at] as string];
        });
      return row;
    });
    await store.knex(name).insert(rows).onConflict().ignore(); // triggers have written some already
    written.set(name, rows);
  }
}

async function countsOf(store: Store): Promise<Record<string, number>> {
  const names = (await tablesOf(store)).map(({ name }) => name).filter((name) => name !== 'schema_steps');
  if (names.length === 0) return {};
  const counted = names.map((name) => `SELECT '${name}' AS name, COUNT(*) AS n FROM "${name}"`);
  const rows = await store.prepare(counted.join(' UNION ALL ')).all();
  return Object.fromEntries(rows.map(({ name, n }) => [name as string, Number(n)]));
}

/** Tables that have fewer rows than before, of those that are still there. */
const lostIn = (before: Record<string, number>, after: Record<string, number>): string[] =>
  Object.keys(before).filter((table) => (after[table] ?? Infinity) < (before[table] ?? 0));

for (const kind of STORES)
  describe(`migrations of a store with rows in every table, on ${kind}`, () => {
    let store: Store;
    let versions: number[];
    before(async () => {
      store = await openStore(await configFor(kind));
      await migrate(store);
      versions = await store.knex('schema_steps').orderBy('version').pluck<number[]>('version');
      await migrate(store, 0);
    });
    after(() => store.close());

    /** The tables that lose rows on the way to a step. */
    const lostOnTheWayTo = async (version: number): Promise<string[]> => {
      const before = await countsOf(store);
      await migrate(store, version);
      return lostIn(before, await countsOf(store)).map((table) => `${table}, to ${version}`);
    };

    it('lose none on the way up', async () => {
      const lost: string[] = [];
      for (const version of versions) {
        lost.push(...(await lostOnTheWayTo(version)));
        await fill(store);
      }
      assert.deepEqual(lost, []);
      assert.deepEqual(
        Object.entries(await countsOf(store)).filter(([, count]) => count < ROWS),
        [],
      );
    });

    it('lose none on the way down, but with their tables', async () => {
      const lost: string[] = [];
      for (const version of [0, ...versions].reverse().slice(1))
        lost.push(...(await lostOnTheWayTo(version)));
      assert.deepEqual(lost, []);
    });

    it('take along what belongs to the demo’s client', async () => {
      await migrate(store, 28);
      for (const table of ['clients', 'client_secrets', 'client_registrations', 'tenants'])
        await store.knex(table).delete();
      await fill(store);
      const { id } = (await store.knex('clients').orderBy('id').first<{ id: string }>('id')) ?? { id: '' };
      const redirectUris = ['http://localhost:3000/demo/callback'];
      const settings = JSON.stringify({ redirectUris, tokenEndpointAuthMethod: 'none' });
      await store.knex('clients').where({ id }).update({ client_id: 'demo', settings });
      await store.knex('tenants').update({ home: true });
      await migrate(store);
      for (const table of ['clients', 'client_secrets', 'client_registrations'])
        assert.equal((await store.knex(table)).length, ROWS - 1, table);
    });

    it('keep products whose names differ in case alone, and let them be changed', async () => {
      await migrate(store, 43);
      await store.knex('api_products').delete();
      const [tenant] = await store.knex('tenants').pluck<string[]>('id');
      const others = { tenant_id: tenant, state: 'published', updated_at: 0 };
      const rows = ['gold', 'Gold', 'GOLD'].map((name, n) => ({
        ...others,
        id: name,
        name,
        created_at: 3 - n,
      }));
      await store.knex('api_products').insert(rows);
      await migrate(store);
      assert.deepEqual(await store.knex('api_products').orderBy('created_at').pluck<string[]>('name_key'), [
        'gold',
        'gold\nGold',
        'gold\ngold',
      ]);
      const db = tenantDb(store.knex, String(tenant));
      const product = await findProduct(db, 'Gold');
      assert.ok(product);
      assert.equal((await updateProduct(db, product, { ...product, description: 'x' })).description, 'x');
      await assert.rejects(updateProduct(db, product, { ...product, name: 'gOLD' }), /has the name "gOLD"/);
    });

    it('leave the references between tables in force', async () => {
      await migrate(store);
      const orphan = store.knex('tenant_hosts').insert({ host: 'a.example.com', tenant_id: 'nobody' });
      await assert.rejects(orphan, /foreign key|_foreign/i);
    });
  });

describe('a migration of SQLite that leaves a row without what it refers to', () => {
  it('is undone', async () => {
    const store = await openStore(await configFor('sqlite'));
    await migrate(store, 1);
    await store.knex.raw('PRAGMA foreign_keys = OFF');
    await store.knex('tenant_hosts').insert({ host: 'a.example.com', tenant_id: 'nobody' });
    await store.knex.raw('PRAGMA foreign_keys = ON');
    await assert.rejects(migrate(store, 2), /tenant_hosts.* refer/);
    assert.equal((await schemaStatus(store)).current, 1);
    await store.close();
  });
});
