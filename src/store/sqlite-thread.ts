import { parentPort } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { NOTHING_UNDONE, undoesNothing } from './ended-transactions.js';

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

interface Kept {
  database: Database.Database;
  statements: Map<string, Database.Statement>;
}

/** Neither connections nor statements become garbage; see keepStatements. */
const connections = new Map<number, Kept>();
const closed: Kept[] = [];

function open(connection: number, filename: string, setup: string): void {
  const database = new Database(filename);
  connections.set(connection, { database, statements: new Map() });
  database.exec(setup);
}

function keptOf(connection: number): Kept {
  const kept = connections.get(connection);
  if (!kept) throw new Error('the connection is closed');
  return kept;
}

function prepared({ database, statements }: Kept, sql: string): Database.Statement {
  let statement = statements.get(sql);
  if (!statement) statements.set(sql, (statement = database.prepare(sql)));
  return statement;
}

function query(kept: Kept, sql: string, values: readonly unknown[]): QueryAnswer {
  if (undoesNothing(kept.database, sql)) return NOTHING_UNDONE;
  const statement = prepared(kept, sql);
  return statement.reader ? (statement.all(...values) as object[]) : statement.run(...values);
}

/** @returns the places of the rows that were written. */
function insert(kept: Kept, sql: string, rows: readonly (readonly unknown[])[]): number[] {
  const statement = prepared(kept, sql);
  return rows.flatMap((row, at) => (statement.run(...row).changes > 0 ? [at] : []));
}

function close(connection: number): void {
  const kept = keptOf(connection);
  connections.delete(connection);
  closed.push(kept);
  kept.database.close();
}

function obey({ connection, order }: Call): unknown {
  if ('open' in order) return open(connection, order.open, order.setup);
  if ('close' in order) return close(connection);
  const kept = keptOf(connection);
  return 'insert' in order ? insert(kept, order.insert, order.rows) : query(kept, order.query, order.values);
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
