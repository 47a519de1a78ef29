import { Worker } from 'node:worker_threads';
import BetterSqlite3Client from 'knex/lib/dialects/better-sqlite3/index.js';
import { threadUrl } from '../kernel/thread-url.js';
import { guarded } from './failures.js';
import type { Call, Order, QueryAnswer, Reply } from './sqlite-thread.js';

const THREAD = threadUrl('sqlite-thread', import.meta.url);

/** Messages are short-lived: V8 would give them 48 MiB. */
const HEAP = { maxYoungGenerationSizeMb: 4 };

interface Asked {
  answer(value: unknown): void;
  fail(error: Error): void;
}

/** The thread in which SQLite works without holding up this one; it starts with the first order. */
class SqliteThread {
  #worker: Worker | undefined;
  #last = 0;
  readonly #asked = new Map<number, Asked>();

  ask(connection: number, order: Order): Promise<unknown> {
    const worker = (this.#worker ??= this.#start());
    const call: Call = { id: (this.#last += 1), connection, order };
    worker.ref(); // while somebody waits for it
    return new Promise((answer, fail) => {
      this.#asked.set(call.id, { answer, fail });
      worker.postMessage(call);
    });
  }

  #start(): Worker {
    const worker = new Worker(THREAD, { resourceLimits: HEAP });
    worker.unref();
    let reason = new Error('the SQLite thread ended');
    worker.on('message', (reply: Reply) => this.#settle(reply));
    worker.once('error', (error) => (reason = error));
    worker.once('exit', () => {
      this.#worker = undefined;
      for (const { fail } of this.#asked.values()) fail(reason);
      this.#asked.clear();
    });
    return worker;
  }

  #settle(reply: Reply): void {
    const asked = this.#asked.get(reply.id);
    this.#asked.delete(reply.id);
    if (this.#asked.size === 0) this.#worker?.unref();
    if ('failed' in reply) asked?.fail(Object.assign(new Error(reply.failed.message), reply.failed));
    else asked?.answer(reply.answer);
  }
}

/** One for the process: it costs memory, and a process has one store. */
const thread = new SqliteThread();
let lastConnection = 0;

/** A connection to an SQLite file that works in the thread. */
export class ThreadConnection {
  readonly #id = (lastConnection += 1);

  static async open(filename: string, setup: string): Promise<ThreadConnection> {
    const connection = new ThreadConnection();
    await thread.ask(connection.#id, { open: filename, setup });
    return connection;
  }

  query(sql: string, values: readonly unknown[]): Promise<QueryAnswer> {
    return thread.ask(this.#id, { query: sql, values }) as Promise<QueryAnswer>;
  }

  /** @returns the places of the rows that were written. */
  insert(sql: string, rows: readonly (readonly unknown[])[]): Promise<number[]> {
    return thread.ask(this.#id, { insert: sql, rows }) as Promise<number[]>;
  }

  async close(): Promise<void> {
    await thread.ask(this.#id, { close: true });
  }
}

/** knex's client for SQLite, whose statements run in the thread. The connection's settings have its `setup`. */
export class ThreadClient extends BetterSqlite3Client {
  /** On the prototype: knex makes the clients of its transactions from that. */
  get inThread(): boolean {
    return true;
  }

  override acquireRawConnection(): Promise<unknown> {
    const { filename, setup } = this.connectionSettings as { filename: string; setup: string };
    return ThreadConnection.open(filename, setup);
  }

  override destroyRawConnection(connection: unknown): Promise<void> {
    return (connection as ThreadConnection).close();
  }

  override query(connection: unknown, query: unknown): Promise<unknown> {
    return guarded(() => super.query(connection, query) as Promise<unknown>);
  }

  protected override async _query(
    connection: ThreadConnection,
    query: { sql: string; bindings?: unknown[]; response?: unknown; context?: object },
  ): Promise<unknown> {
    // A transaction that first reads could not write any more once another process has written.
    const sql = query.sql === 'BEGIN;' ? 'BEGIN IMMEDIATE;' : query.sql;
    const answer = await connection.query(sql, this._formatBindings(query.bindings));
    query.response = answer;
    if (!Array.isArray(answer)) query.context = { lastID: answer.lastInsertRowid, changes: answer.changes };
    return query;
  }
}
