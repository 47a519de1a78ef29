import { Worker } from 'node:worker_threads';
import BetterSqlite3Client from 'knex/lib/dialects/better-sqlite3/index.js';
import { threadUrl } from '../kernel/thread-url.js';
import { acquired, guarded } from './failures.js';
import { readyToWrite } from './sqlite-client.js';
import type { Call, Order, QueryAnswer, Reply } from './sqlite-thread.js';

const THREAD = threadUrl('sqlite-thread', import.meta.url);

/** Messages are short-lived: V8 would give them 48 MiB. */
const HEAP = { maxYoungGenerationSizeMb: 4 };

interface Asked {
  answer(value: unknown): void;
  fail(error: Error): void;
}

/** What failures.ts knows such an error by. */
const THREAD_ENDED = 'SQLITE_THREAD_ENDED';

/**
 * The thread in which SQLite works without holding up this one. One for the process: it costs memory, and a process has one
 * store. It starts with the first order, and again after it has ended (out of memory, say).
 */
class SqliteThread {
  static #running: SqliteThread | undefined;

  readonly #worker = new Worker(THREAD, { resourceLimits: HEAP });
  readonly #asked = new Map<number, Asked>();
  #lastCall = 0;
  #hasEnded = false;
  /** Resolves when it has ended, with the reason. */
  readonly ended: Promise<Error>;

  static running(): SqliteThread {
    return (SqliteThread.#running ??= new SqliteThread());
  }

  private constructor() {
    this.#worker.unref();
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.ended = new Promise((resolve) => {
      let cause: Error | undefined;
      this.#worker.once('error', (error) => (cause = error));
      this.#worker.once('exit', () => resolve(this.#end(cause)));
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  ask(connection: number, order: Order): Promise<unknown> {
    const call: Call = { id: (this.#lastCall += 1), connection, order };
    return new Promise((answer, fail) => {
      if (this.#hasEnded) return fail(threadEnded());
      this.#worker.postMessage(call); // throws where a value cannot be sent
      this.#asked.set(call.id, { answer, fail });
      this.#worker.ref(); // while somebody waits for it
    });
  }

  #end(cause: Error | undefined): Error {
    this.#hasEnded = true;
    if (SqliteThread.#running === this) SqliteThread.#running = undefined;
    const reason = threadEnded(cause);
    for (const { fail } of this.#asked.values()) fail(reason);
    this.#asked.clear();
    return reason;
  }

  #settle(reply: Reply): void {
    answeredAt = performance.now();
    const asked = this.#asked.get(reply.id);
    this.#asked.delete(reply.id);
    if (this.#asked.size === 0) this.#worker.unref();
    if ('failed' in reply) asked?.fail(Object.assign(new Error(reply.failed.message), reply.failed));
    else asked?.answer(reply.answer);
  }
}

let answeredAt = 0;
/** When the thread has last answered, by the process's monotonic clock. */
export const threadAnsweredAt = (): number => answeredAt;

const threadEnded = (cause?: Error): Error =>
  Object.assign(new Error(`the SQLite thread ended${cause ? `: ${cause.message}` : ''}`, { cause }), {
    code: THREAD_ENDED,
  });

let lastConnection = 0;

/** A connection to an SQLite file that works in the thread, and ends with it. */
export class ThreadConnection {
  readonly #id = (lastConnection += 1);
  readonly #thread = SqliteThread.running();

  static async open(filename: string, setup: string): Promise<ThreadConnection> {
    const connection = new ThreadConnection();
    await connection.#thread.ask(connection.#id, { open: filename, setup });
    return connection;
  }

  /** Resolves when the thread has ended, with the reason. */
  get ended(): Promise<Error> {
    return this.#thread.ended;
  }

  get hasEnded(): boolean {
    return this.#thread.hasEnded;
  }

  query(sql: string, values: readonly unknown[]): Promise<QueryAnswer> {
    return this.#thread.ask(this.#id, { query: sql, values }) as Promise<QueryAnswer>;
  }

  /** @returns the places of the rows that were written. */
  insert(sql: string, rows: readonly (readonly unknown[])[]): Promise<number[]> {
    return this.#thread.ask(this.#id, { insert: sql, rows }) as Promise<number[]>;
  }

  async close(): Promise<void> {
    if (!this.hasEnded) await this.#thread.ask(this.#id, { close: true });
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

  override acquireConnection(): Promise<unknown> {
    return acquired(() => super.acquireConnection());
  }

  override async validateConnection(connection: unknown): Promise<boolean> {
    return !(connection as ThreadConnection).hasEnded;
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
    const answer = await connection.query(readyToWrite(query.sql), this._formatBindings(query.bindings));
    query.response = answer;
    if (!Array.isArray(answer)) query.context = { lastID: answer.lastInsertRowid, changes: answer.changes };
    return query;
  }
}
