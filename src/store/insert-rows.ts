import type Database from 'better-sqlite3';
import type { Knex } from 'knex';
import { isPostgres } from './name-index.js';
import { poolOf } from './store.js';

type Column = string | number | boolean | null | undefined;

const ROWS_AT_ONCE = 2000;

/** What to do with rows whose `key` is taken: they are left out, and `column` of those that are written is answered. */
interface LeaveOut {
  key: readonly string[];
  column: string;
}

/**
 * Inserts rows of the same columns, however many, the cheapest way that each database has: to PostgreSQL they go as one value
 * with thousands of rows, on SQLite through one prepared statement, row by row. Past knex, which would build text for each.
 * @returns with `leaveOut`, what its column has in the rows that were written.
 */
export async function insertRows(
  connection: Knex,
  table: string,
  rows: readonly Record<string, unknown>[],
  leaveOut?: LeaveOut,
): Promise<unknown[]> {
  const columns = Object.keys(rows[0] ?? {});
  if (columns.length === 0) return [];
  const conflict = leaveOut ? ` ON CONFLICT (${leaveOut.key.map(quoted).join(', ')}) DO NOTHING` : '';
  const target = `INSERT INTO ${quoted(table)} (${columns.map(quoted).join(', ')})`;
  return isPostgres(connection)
    ? onPostgres(connection, rows, leaveOut?.column, (source) => {
        const from = `jsonb_populate_recordset(NULL::${quoted(table)}, ${source})`;
        return `${target} SELECT ${columns.map(quoted).join(', ')} FROM ${from}${conflict}`;
      })
    : onSqlite(connection, rows, columns, leaveOut?.column, (values) => `${target} ${values}${conflict}`);
}

const quoted = (name: string): string => `"${name}"`;

async function onPostgres(
  connection: Knex,
  rows: readonly Record<string, unknown>[],
  answered: string | undefined,
  sql: (source: string) => string,
): Promise<unknown[]> {
  const answers: unknown[] = [];
  const returning = answered === undefined ? '' : ` RETURNING ${quoted(answered)} AS answer`;
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    const values = JSON.stringify(rows.slice(at, at + ROWS_AT_ONCE));
    const written = await connection.raw<{ rows: { answer: unknown }[] }>(`${sql('?::jsonb')}${returning}`, [
      values,
    ]);
    for (const { answer } of written.rows) answers.push(answer);
  }
  return answers;
}

async function onSqlite(
  connection: Knex,
  rows: readonly Record<string, unknown>[],
  columns: readonly string[],
  answered: string | undefined,
  sql: (values: string) => string,
): Promise<unknown[]> {
  const answers: unknown[] = [];
  const pool = poolOf<Database.Database>(connection);
  const sqlite = await pool.acquireConnection();
  try {
    const insert = sqlite.prepare(sql(`VALUES (${columns.map(() => '?').join(', ')})`));
    for (const row of rows) {
      const { changes } = insert.run(...columns.map((column) => plain(row[column] as Column)));
      if (answered !== undefined && changes > 0) answers.push(row[answered]);
    }
  } finally {
    await pool.releaseConnection(sqlite);
  }
  return answers;
}

/** SQLite has no booleans. */
const plain = (value: Column): string | number | null =>
  typeof value === 'boolean' ? Number(value) : (value ?? null);
