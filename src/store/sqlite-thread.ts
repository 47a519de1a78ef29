import { parentPort } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { NOTHING_UNDONE, undoesNothing } from './ended-transactions.js';
import { keepStatements } from './keep-statements.js';

/** What a connection in the thread is asked to do. */
export type Order =
  | { open: string; setup: string }
  | { query: string; values: readonly unknown[] }
  | { insert: string; rows: readonly (readonly unknown[])[] }
  | { close: true };

export interface Call {
  id: number;
  connection: number;
  order: Order;
}

/** Rows of a query that has some; of another what it changed. */
export type QueryAnswer = object[] | Database.RunResult;

export type Reply =
  { id: number; answer: unknown } | { id: number; failed: { message: string; code?: string | undefined } };

const connections = new Map<number, Database.Database>();

function open(connection: number, filename: string, setup: string): void {
  const database = new Database(filename);
  keepStatements(database);
  connections.set(connection, database);
  database.exec(setup);
}

function databaseOf(connection: number): Database.Database {
  const database = connections.get(connection);
  if (!database) throw new Error('the connection is closed');
  return database;
}

function query(database: Database.Database, sql: string, values: readonly unknown[]): QueryAnswer {
  if (undoesNothing(database, sql)) return NOTHING_UNDONE;
  const statement = database.prepare(sql);
  return statement.reader ? (statement.all(...values) as object[]) : statement.run(...values);
}

/** @returns the places of the rows that were written. */
function insert(database: Database.Database, sql: string, rows: readonly (readonly unknown[])[]): number[] {
  const statement = database.prepare(sql);
  return rows.flatMap((row, at) => (statement.run(...row).changes > 0 ? [at] : []));
}

function close(connection: number): void {
  databaseOf(connection).close();
  connections.delete(connection);
}

function obey({ connection, order }: Call): unknown {
  if ('open' in order) return open(connection, order.open, order.setup);
  if ('close' in order) return close(connection);
  const database = databaseOf(connection);
  return 'insert' in order
    ? insert(database, order.insert, order.rows)
    : query(database, order.query, order.values);
}

parentPort?.on('message', (call: Call) => {
  let reply: Reply;
  try {
    reply = { id: call.id, answer: obey(call) };
  } catch (error) {
    const { message, code } = error as { message: string; code?: string };
    reply = { id: call.id, failed: { message, code } };
  }
  parentPort?.postMessage(reply);
});
