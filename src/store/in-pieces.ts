import type { Knex } from 'knex';
import { retryingDeadlocks } from './failures.js';
import { isPostgres } from './name-index.js';
import type { Row, Store } from './store.js';

/**
 * So many rows go into one statement: on SQLite a few milliseconds, in which the process does nothing else; on PostgreSQL
 * well below `store.statementSeconds`. A statement in SQLite's thread holds up nobody but writers.
 */
const PIECE = { here: 100, elsewhere: 5000, ofTransaction: 2000 };

const isInThread = ({ client }: Knex): boolean => (client as { inThread?: boolean }).inThread === true;

const rowsAtOnce = (connection: Knex): number =>
  isPostgres(connection) || isInThread(connection) ? PIECE.elsewhere : PIECE.here;

const PAGE = 1000;

/**
 * Rows in the order of their ids, a page at a time. What is read already may be changed meanwhile.
 * @param choose leaves the rows that it is about, with their ids.
 */
export async function* rowsInPages(choose: () => Knex.QueryBuilder): AsyncGenerator<Row> {
  for (let last = ''; ;) {
    const page = (await choose().where('id', '>', last).orderBy('id').limit(PAGE)) as Row[];
    yield* page;
    if (page.length < PAGE) return;
    last = page.at(-1)?.['id'] as string;
  }
}

/**
 * Deletes rows, however many, by statements of which none takes long.
 * @param choose leaves the rows that it is about.
 * @returns how many they were.
 */
export async function deleteInPieces(
  connection: Knex,
  table: string,
  choose: (rows: Knex.QueryBuilder) => Knex.QueryBuilder,
): Promise<number> {
  const most = rowsAtOnce(connection);
  let total = 0;
  for (;;) {
    const done = await deleteSome(connection, table, choose, most);
    total += done;
    // A row that somebody else was changing has moved; what is left is few enough for one statement.
    if (done < most) return total + (await choose(connection(table)).delete());
  }
}

/** Deletes at most so many rows. @returns how many they were */
function deleteSome(
  connection: Knex,
  table: string,
  choose: (rows: Knex.QueryBuilder) => Knex.QueryBuilder,
  most: number,
): Promise<number> {
  const postgres = isPostgres(connection);
  const some = choose(connection(table).select(connection.raw(postgres ? 'ctid' : 'rowid'))).limit(most);
  // PostgreSQL goes to each row at once where they come as an array; from a subquery it would read the whole table.
  return connection(table)
    .whereRaw(postgres ? 'ctid = ANY(ARRAY(?))' : 'rowid IN (?)', [some])
    .delete();
}

/**
 * Deletes nearly all rows of a tenant, in transactions of which none keeps other writes waiting for long. Call
 * `deleteRowsOfTenant` afterwards, in the transaction that deletes the tenant.
 * @param first tables that no foreign key tells of.
 */
export async function emptyTenant(store: Store, tenantId: string, first: readonly string[]): Promise<void> {
  const tables = new Set([...first, ...tablesBelow('tenants', await referencesIn(store.knex))]);
  for (const table of tables) {
    let done: number;
    do
      done = await retryingDeadlocks(() =>
        store.largeTransaction((trx) =>
          deleteSome(trx, table, (rows) => rows.where('tenant_id', tenantId), PIECE.ofTransaction),
        ),
      );
    while (done === PIECE.ofTransaction);
  }
}

/**
 * Deletes the rows of a tenant in all tables that belong to tenants by their foreign keys: what the deletion of the tenant's
 * own row would do in one long statement. Rows go before those that they refer to, so that none takes others with it.
 */
export async function deleteRowsOfTenant(connection: Knex, tenantId: string): Promise<void> {
  for (const table of tablesBelow('tenants', await referencesIn(connection)))
    await deleteInPieces(connection, table, (rows) => rows.where('tenant_id', tenantId));
}

interface Reference {
  child: string;
  parent: string;
}

/** The tables that refer to this one, and those that refer to them; each before the ones that it refers to. */
function tablesBelow(table: string, references: readonly Reference[]): Set<string> {
  const children = references.filter(({ parent }) => parent === table).map(({ child }) => child);
  return new Set(children.flatMap((child) => [...tablesBelow(child, references), child]));
}

async function referencesIn(connection: Knex): Promise<Reference[]> {
  if (!isPostgres(connection))
    return connection.raw<Reference[]>(
      `SELECT DISTINCT m.name AS child, f."table" AS parent FROM sqlite_master m, pragma_foreign_key_list(m.name) f
       WHERE m.type = 'table'`,
    );
  const { rows } = await connection.raw<{ rows: Reference[] }>(
    `SELECT DISTINCT child.relname AS child, parent.relname AS parent FROM pg_constraint c
     JOIN pg_class child ON child.oid = c.conrelid
     JOIN pg_class parent ON parent.oid = c.confrelid
     WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace`,
  );
  return rows;
}
