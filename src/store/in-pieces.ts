import type { Knex } from 'knex';
import { isPostgres } from './name-index.js';

/**
 * So many rows go into one statement: on SQLite a few milliseconds, in which the process does nothing else; on PostgreSQL
 * well below `store.statementSeconds`.
 */
const PIECE = { sqlite: 100, postgres: 5000 };

/**
 * Deletes or changes rows, however many, by statements of which none takes long.
 * @param choose leaves the rows that it is about.
 * @param act deletes the rows, or changes them so that they are not chosen again; answers how many.
 */
export async function inPieces(
  connection: Knex,
  table: string,
  choose: (rows: Knex.QueryBuilder) => Knex.QueryBuilder,
  act: (rows: Knex.QueryBuilder) => Promise<number>,
): Promise<number> {
  const postgres = isPostgres(connection);
  const most = postgres ? PIECE.postgres : PIECE.sqlite;
  const rowId = postgres ? 'ctid' : 'rowid';
  // PostgreSQL goes to each row at once where they come as an array; from a subquery it would read the whole table.
  const those = postgres ? 'ctid = ANY(ARRAY(?))' : 'rowid IN (?)';
  let total = 0;
  for (;;) {
    const some = choose(connection(table).select(connection.raw(rowId))).limit(most);
    const done = await act(connection(table).whereRaw(those, [some]));
    total += done;
    // A row that somebody else was changing has moved; what is left is few enough for one statement.
    if (done < most) return total + (await act(choose(connection(table))));
  }
}

/** Deletes the rows of all tables that belong to a row of another: what its deletion would do in one long statement. */
export async function deleteDependents(connection: Knex, table: string, id: string): Promise<void> {
  for (const { name, column } of await dependentsOf(connection, table))
    await inPieces(
      connection,
      name,
      (rows) => rows.where(column, id),
      (rows) => rows.delete(),
    );
}

interface Dependent {
  name: string;
  column: string;
}

/** The tables whose rows go with one of this table, by their foreign keys. */
async function dependentsOf(connection: Knex, table: string): Promise<Dependent[]> {
  if (!isPostgres(connection))
    return connection.raw<Dependent[]>(
      `SELECT m.name AS name, f."from" AS "column" FROM sqlite_master m, pragma_foreign_key_list(m.name) f
       WHERE m.type = 'table' AND f."table" = ? AND f.on_delete = 'CASCADE' ORDER BY m.name`,
      [table],
    );
  const { rows } = await connection.raw<{ rows: Dependent[] }>(
    `SELECT r.relname AS name, a.attname AS "column" FROM pg_constraint c
     JOIN pg_class r ON r.oid = c.conrelid
     JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
     WHERE c.contype = 'f' AND c.confdeltype = 'c' AND c.confrelid = ?::regclass ORDER BY r.relname`,
    [table],
  );
  return rows;
}
