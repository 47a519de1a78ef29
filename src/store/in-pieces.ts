import type { Knex } from 'knex';
import { isPostgres } from './name-index.js';

/**
 * So many rows go into one statement: on SQLite a few milliseconds, in which the process does nothing else; on PostgreSQL
 * well below `store.statementSeconds`. A statement in SQLite's thread holds up nobody.
 */
const PIECE = { here: 100, elsewhere: 5000 };

const isInThread = ({ client }: Knex): boolean => (client as { inThread?: boolean }).inThread === true;

const rowsAtOnce = (connection: Knex): number =>
  isPostgres(connection) || isInThread(connection) ? PIECE.elsewhere : PIECE.here;

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
  const postgres = isPostgres(connection);
  const most = rowsAtOnce(connection);
  const rowId = postgres ? 'ctid' : 'rowid';
  // PostgreSQL goes to each row at once where they come as an array; from a subquery it would read the whole table.
  const those = postgres ? 'ctid = ANY(ARRAY(?))' : 'rowid IN (?)';
  let total = 0;
  for (;;) {
    const some = choose(connection(table).select(connection.raw(rowId))).limit(most);
    const done = await connection(table).whereRaw(those, [some]).delete();
    total += done;
    // A row that somebody else was changing has moved; what is left is few enough for one statement.
    if (done < most) return total + (await choose(connection(table)).delete());
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
