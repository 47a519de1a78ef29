import type Database from 'better-sqlite3';
import type { Knex } from 'knex';
import { isPostgres } from './name-index.js';
import { poolOf } from './store.js';

type Column = string | number | boolean | null | undefined;

const ROWS_AT_ONCE = 2000;

/**
 * Inserts rows of the same columns, however many, the cheapest way that each database has: to PostgreSQL they go as one value
 * with thousands of rows, on SQLite through one prepared statement, row by row. Past knex, which would build text for each.
 */
export async function insertRows(
  connection: Knex,
  table: string,
  rows: readonly Record<string, unknown>[],
): Promise<void> {
  const columns = Object.keys(rows[0] ?? {});
  if (columns.length === 0) return;
  if (isPostgres(connection)) {
    const names = columns.map(() => '??').join(', ');
    for (let at = 0; at < rows.length; at += ROWS_AT_ONCE)
      await connection.raw(
        `INSERT INTO ?? (${names}) SELECT ${names} FROM jsonb_populate_recordset(NULL::??, ?::jsonb)`,
        [table, ...columns, ...columns, table, JSON.stringify(rows.slice(at, at + ROWS_AT_ONCE))],
      );
    return;
  }
  const pool = poolOf<Database.Database>(connection);
  const sqlite = await pool.acquireConnection();
  try {
    const insert = sqlite.prepare(
      `INSERT INTO "${table}" (${columns.map((column) => `"${column}"`).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    );
    for (const row of rows) insert.run(...columns.map((column) => plain(row[column] as Column)));
  } finally {
    await pool.releaseConnection(sqlite);
  }
}

/** SQLite has no booleans. */
const plain = (value: Column): string | number | null =>
  typeof value === 'boolean' ? Number(value) : (value ?? null);
