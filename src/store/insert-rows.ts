import type Database from 'better-sqlite3';
import type { Knex } from 'knex';
import { turnIsOver, yieldToEventLoop } from '../kernel/event-loop.js';
import { guarded, guardedNow } from './failures.js';
import { isPostgres } from './name-index.js';
import { poolOf } from './store.js';
import { ThreadConnection } from './thread-connection.js';

type Column = string | number | boolean | null | undefined;
type NewRow = Record<string, unknown>;

const ROWS_AT_ONCE = 2000;
/** To SQLite's thread; making a message of them takes a millisecond. */
const ROWS_OF_A_MESSAGE = 500;

/**
 * What to do with rows whose `key` is taken.
 * - `column`: they are left out, and this column of those that are written is answered;
 * - `sums`: these columns of the row that is there grow by the new row's.
 */
type Taken = { key: readonly string[] } & ({ column: string } | { sums: readonly string[] });

/**
 * Inserts rows of the same columns, however many (it throws where they differ), the cheapest way that each database has: to PostgreSQL they go as one value
 * for each column, thousands of rows at once; on SQLite through one prepared statement, row by row. Past knex, which would build
 * text for each.
 * @param owner what all rows have besides. A copy of each row with it in it would be what V8 puts among old objects at
 *   once, and a list of 100,000 would take 40 MiB more.
 * @returns with `column`, what that has in the rows that were written.
 */
export async function insertRows(
  connection: Knex,
  table: string,
  owner: Record<string, string>,
  rows: readonly NewRow[],
  taken?: Taken,
): Promise<unknown[]> {
  const columns = Object.keys(rows[0] ?? {});
  if (columns.length === 0) return [];
  if (!rows.every((row) => hasColumns(row, columns)))
    throw new Error(`rows of "${table}" differ in their columns`);
  const target = `INSERT INTO ${quoted(table)} (${[...Object.keys(owner), ...columns].map(quoted).join(', ')})`;
  const conflict = taken ? conflictClause(table, taken) : '';
  const statement = (source: string): string => `${target} ${source}${conflict}`;
  const insertion = {
    owner: Object.values(owner),
    columns,
    rows,
    statement,
    answered: taken && 'column' in taken ? taken.column : undefined,
  };
  return isPostgres(connection) ? onPostgres(connection, insertion) : onSqlite(connection, insertion);
}

function conflictClause(table: string, taken: Taken): string {
  const begin = ` ON CONFLICT (${taken.key.map(quoted).join(', ')}) DO`;
  if (!('sums' in taken)) return `${begin} NOTHING`;
  const grown = taken.sums.map(
    (column) => `${quoted(column)} = ${quoted(table)}.${quoted(column)} + excluded.${quoted(column)}`,
  );
  return `${begin} UPDATE SET ${grown.join(', ')}`;
}

/** Whether a row has these columns and no others: what only some rows have would be lost, and nobody would hear of it. */
const hasColumns = (row: NewRow, columns: readonly string[]): boolean =>
  Object.keys(row).length === columns.length && columns.every((column) => Object.hasOwn(row, column));

interface Insertion {
  /** The values of what all rows have, whose columns stand first. */
  owner: readonly string[];
  columns: readonly string[];
  rows: readonly NewRow[];
  /** The statement, by where its rows come from. */
  statement(source: string): string;
  /** The column that is answered. */
  answered: string | undefined;
}

const quoted = (name: string): string => `"${name}"`;

/** The type of values; an array wants one, and PostgreSQL makes the column's own of it. */
const typeOf = (values: readonly unknown[]): string => {
  const value = values.find((each) => each !== null);
  if (typeof value !== 'number') return typeof value === 'boolean' ? 'boolean' : 'text';
  return values.every((each) => each === null || Number.isInteger(each)) ? 'bigint' : 'double precision';
};

async function onPostgres(
  connection: Knex,
  { owner, columns, rows, statement, answered }: Insertion,
): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    const some = rows.slice(at, at + ROWS_AT_ONCE);
    const { source, values } = columnwise(owner, columns, some);
    const insert = statement(source);
    const ask = (sql: string) => connection.raw<Told>(sql, values as Knex.RawBinding[]);
    if (answered === undefined) {
      await ask(insert);
      continue;
    }
    const [told] = (await ask(tellingLeftOut(insert, answered, some.length))).rows;
    answers.push(...(told?.answers ?? some.map((row) => row[answered])));
  }
  return answers;
}

interface Told {
  rows: { answers: unknown[] | null }[];
}

/** Answers in one row: null where all are written, as they nearly always are, so that not each has to be told. */
const tellingLeftOut = (insert: string, column: string, amount: number): string =>
  `WITH written AS (${insert} RETURNING ${quoted(column)} AS answer)
   SELECT CASE WHEN count(*) < ${amount} THEN coalesce(json_agg(answer), '[]') END AS answers FROM written`;

/** Rows as a SELECT: a column that is the same in all of them is one value, and takes the type of where it goes. */
function columnwise(
  owner: readonly string[],
  columns: readonly string[],
  rows: readonly NewRow[],
): { source: string; values: unknown[] } {
  const selected = owner.map(() => '?');
  const [same, arrays, values]: [unknown[], string[], unknown[][]] = [[...owner], [], []];
  for (const column of columns) {
    const all = rows.map((row) => row[column] ?? null);
    if (all.every((value) => value === all[0])) {
      selected.push('?');
      same.push(all[0]);
    } else {
      selected.push(quoted(column));
      arrays.push(column);
      values.push(all);
    }
  }
  const unnested = values.map((all) => `?::${typeOf(all)}[]`).join(', ');
  const from = arrays.length > 0 ? ` FROM unnest(${unnested}) AS rows(${arrays.map(quoted).join(', ')})` : '';
  return { source: `SELECT ${selected.join(', ')}${from}`, values: [...same, ...values] };
}

async function onSqlite(
  connection: Knex,
  { owner, columns, rows, statement, answered }: Insertion,
): Promise<unknown[]> {
  const pool = poolOf<Database.Database | ThreadConnection>(connection);
  const sqlite = await pool.acquireConnection();
  try {
    const marks = [...owner, ...columns].map(() => '?').join(', ');
    const sql = statement(`VALUES (${marks})`);
    const valuesOf = (row: NewRow): (string | number | null)[] => [
      ...owner,
      ...columns.map((column) => plain(row[column] as Column)),
    ];
    const written =
      sqlite instanceof ThreadConnection
        ? await inThread(sqlite, sql, rows, valuesOf)
        : await here(sqlite, sql, rows, valuesOf);
    return answered === undefined ? [] : written.map((row) => row[answered]);
  } finally {
    await pool.releaseConnection(sqlite);
  }
}

type ValuesOf = (row: NewRow) => (string | number | null)[];

async function here(
  sqlite: Database.Database,
  sql: string,
  rows: readonly NewRow[],
  valuesOf: ValuesOf,
): Promise<NewRow[]> {
  const written: NewRow[] = [];
  const insert = sqlite.prepare(sql);
  for (const row of rows) {
    if (turnIsOver()) await yieldToEventLoop();
    const { changes } = guardedNow(() => insert.run(...valuesOf(row)));
    if (changes > 0) written.push(row);
  }
  return written;
}

async function inThread(
  sqlite: ThreadConnection,
  sql: string,
  rows: readonly NewRow[],
  valuesOf: ValuesOf,
): Promise<NewRow[]> {
  const written: NewRow[] = [];
  for (let at = 0; at < rows.length; at += ROWS_OF_A_MESSAGE) {
    const some = rows.slice(at, at + ROWS_OF_A_MESSAGE);
    const places = await guarded(() => sqlite.insert(sql, some.map(valuesOf)));
    for (const place of places) written.push(some[place] as NewRow);
  }
  return written;
}

/** SQLite has no booleans. */
const plain = (value: Column): string | number | null =>
  typeof value === 'boolean' ? Number(value) : (value ?? null);
