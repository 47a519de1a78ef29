import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import knexFactory, { type Knex } from 'knex';
import BetterSqlite3Client from 'knex/lib/dialects/better-sqlite3/index.js';
import type { Config } from '../config.js';
import { turnIsOver, yieldToEventLoop } from '../kernel/event-loop.js';
import { Checkpoints } from './checkpoints.js';
import { acquired, guarded, guardedNow, storeError } from './failures.js';
import {
  metaOver,
  poolOf,
  SILENT_LOG,
  type Row,
  type Statement,
  type Step,
  type Store,
  type Value,
} from './store.js';
import { ThreadClient } from './thread-connection.js';

export const SQLITE_FILE = 'gatehouse.sqlite';
/** How long to wait for another process that writes, and how often to look. */
const BUSY_TIMEOUT_MS = 10_000;
const BUSY_LOOK_MS = 10;
/** So much of the file is read as memory: a page that is not in SQLite's own cache costs no call and no copy. */
const MAPPED_BYTES = 1024 ** 3;
/** The thread's pages in memory; 16 MiB make a list of devices or a deletion no quicker. */
const THREAD_CACHE_KIB = 4096;

type Job = (connection: Database.Database) => () => void;

/**
 * SQLite: one writer, one reader, both on the same file in WAL mode.
 * The writer's connection is the only one in knex's pool, so transactions and group commits queue up for it and
 * never meet inside one another. Hot reads go to a second connection, which sees only what is committed.
 *
 * Statements are synchronous, so each first asks whether this turn of the event loop has time left (yieldToEventLoop).
 * No loop of statements can then keep the process from its other events. A transaction stays open meanwhile; what
 * wants to write waits for the connection.
 *
 * Two things take long in one statement: the commit of a large transaction, and a checkpoint. They run in a thread, on a
 * connection of its own (largeTransaction, Checkpoints).
 */
export function openSqlite(dataDir: string, { durability, waitSeconds }: Config['store']): Store {
  const filename = join(dataDir, SQLITE_FILE);
  closeSync(openSync(filename, 'a', 0o600)); // SQLite gives its other files the same mode
  const setup = [
    `PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON`,
    `PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`,
  ].join('; ');
  const common = {
    compileSqlOnError: false, // knex's errors hold the statement without its values
    useNullAsDefault: true,
    log: SILENT_LOG,
  };
  const acquireTimeoutMillis = waitSeconds * 1000;
  const knex = knexFactory({
    ...common,
    client: class extends YieldingClient {
      protected override committed(connection: Database.Database): void {
        checkpoints.committed(connection);
      }
    },
    connection: { filename },
    pool: {
      min: 1,
      max: 1,
      acquireTimeoutMillis,
      afterCreate(connection: Database.Database, done: (error: Error | null) => void) {
        keepStatements(connection);
        // Not by pragma(), which leaves a statement behind for the collector.
        connection.exec(setup);
        connection.exec('PRAGMA wal_autocheckpoint = 0'); // see Checkpoints
        connection.exec('PRAGMA busy_timeout = 0'); // SQLite waits in place; whenFree lets others work meanwhile
        done(null);
      },
    },
  });
  let inThread: Knex | undefined;
  /** Its connection is closed when nothing has asked for it in a while. */
  const far = (): Knex =>
    (inThread ??= knexFactory({
      ...common,
      client: ThreadClient,
      connection: {
        filename,
        setup: `${setup}; PRAGMA cache_size = -${THREAD_CACHE_KIB}`,
      } as Knex.Sqlite3ConnectionConfig,
      pool: { min: 0, max: 1, acquireTimeoutMillis },
    }));
  /** What wants to write meanwhile waits for the connection, as it does for a transaction on it. */
  async function holdingWrites<T>(work: () => Promise<T>): Promise<T> {
    const pool = poolOf<Database.Database>(knex);
    const connection = await pool.acquireConnection();
    try {
      return await work();
    } finally {
      await pool.releaseConnection(connection);
    }
  }
  const checkpoints = new Checkpoints(far, holdingWrites);
  let reader: Database.Database | undefined;
  const reading = (): Database.Database => {
    if (!reader) {
      reader = new Database(filename, { timeout: BUSY_TIMEOUT_MS });
      keepStatements(reader);
      reader.exec(`PRAGMA query_only = 1; PRAGMA mmap_size = ${MAPPED_BYTES}`);
    }
    return reader;
  };

  const reads = new GroupRead(reading);
  const writer = new GroupCommit(knex, (connection) => checkpoints.committed(connection));
  const statements = new Map<string, SqliteStatement>();
  const prepare = (sql: string): SqliteStatement => {
    let statement = statements.get(sql);
    if (!statement) statements.set(sql, (statement = new SqliteStatement(sql, reading, reads, writer)));
    return statement;
  };

  return {
    dialect: 'sqlite',
    knex,
    prepare,
    unit: (steps) => writer.unit(steps),
    transaction: (work) => knex.transaction(work),
    largeTransaction: (work) => holdingWrites(() => far().transaction(work)),
    unhurried: (_connection, work) => work(),
    meta: metaOver(prepare),
    ping: async () => void (await knex.raw('SELECT 1')),
    async close() {
      await writer.idle();
      await checkpoints.idle();
      await inThread?.destroy();
      reader?.close();
      await knex.destroy();
    },
  };
}

/** knex's client for SQLite, with pauses for the event loop and StoreUnavailable for what the file cannot do. */
abstract class YieldingClient extends BetterSqlite3Client {
  /** Hears of each commit. A method, because a transaction's client has only those. */
  protected abstract committed(connection: Database.Database): void;

  override acquireConnection(): Promise<unknown> {
    return acquired(() => super.acquireConnection());
  }

  override query(connection: unknown, query: unknown): Promise<unknown> {
    return guarded(() => super.query(connection, query) as Promise<unknown>);
  }

  protected override async _query(
    connection: Database.Database,
    query: { sql: string; method?: string },
  ): Promise<unknown> {
    // A transaction that first reads could not write any more once another process has written.
    if (query.sql === 'BEGIN;') query.sql = 'BEGIN IMMEDIATE;';
    await yieldToEventLoop();
    const answer = await whenFree(connection, () => super._query(connection, query));
    if (!connection.inTransaction && query.method !== 'select') this.committed(connection);
    return answer;
  }
}

/** Waits for another process that holds the file, as `busy_timeout` does, while this process goes on. */
async function whenFree<T>(connection: Database.Database, work: () => T | Promise<T>): Promise<T> {
  const until = performance.now() + BUSY_TIMEOUT_MS;
  for (;;)
    try {
      return await work();
    } catch (error) {
      const busy = (error as { code?: string }).code?.startsWith('SQLITE_BUSY');
      if (!busy || connection.inTransaction || performance.now() > until) throw error;
      await sleep(BUSY_LOOK_MS);
    }
}

/** Connections of this process; see keepStatements. */
const connections = new Set<Database.Database>();

/**
 * Prepares each statement of a connection once and never lets go of it. It is quicker, knex asks for the same few again and
 * again; and from Node 24.19 on, better-sqlite3 12 aborts the process when the collector meets one of its objects
 * while no script is running (Node's ObjectWrap wants an environment then). So no such object may become garbage: not a
 * statement, and not a connection, of which a process has two. better-sqlite3 13 is free of this, and of Node 20.
 */
function keepStatements(connection: Database.Database): void {
  const prepare = connection.prepare.bind(connection) as (sql: string) => Database.Statement;
  const kept = new Map<string, Database.Statement>();
  connection.prepare = ((sql: string) => {
    let statement = kept.get(sql);
    if (!statement) kept.set(sql, (statement = prepare(sql)));
    return statement;
  }) as typeof connection.prepare;
  connections.add(connection);
}

class SqliteStatement implements Statement {
  #read: Database.Statement<Value[], Row> | undefined;

  constructor(
    readonly sql: string,
    readonly reading: () => Database.Database,
    readonly reads: GroupRead,
    readonly writer: GroupCommit,
  ) {}

  get #reading(): Database.Statement<Value[], Row> {
    return (this.#read ??= this.reading().prepare<Value[], Row>(this.sql));
  }

  first(...values: Value[]): Promise<Row | undefined> {
    return this.#look((statement) => statement.get(...values));
  }

  all(...values: Value[]): Promise<Row[]> {
    return this.#look((statement) => statement.all(...values));
  }

  // Synchronous underneath: a look-up costs microseconds, less than a trip to another thread.
  async #look<T>(look: (statement: Database.Statement<Value[], Row>) => T): Promise<T> {
    if (turnIsOver()) await yieldToEventLoop();
    return guardedNow(() => look(this.#reading));
  }

  async together(...values: Value[]): Promise<Row[]> {
    return this.reads.all(this.#reading, values);
  }

  run(...values: Value[]): Promise<number> {
    return this.writer.run(this.sql, values);
  }
}

type Read = Database.Statement<Value[], Row>;

/**
 * Looks that arrive in the same turn of the event loop share one read transaction, and come one right after the other: the
 * locks of each would cost as much as the look, and finding SQLite in the processor's caches again, between all else that
 * a request does, four times as much (docs/performance.md).
 */
class GroupRead {
  #queue: { statement: Read; values: Value[]; answer(rows: Row[]): void; fail(error: unknown): void }[] = [];

  constructor(readonly reading: () => Database.Database) {}

  all(statement: Read, values: Value[]): Promise<Row[]> {
    return new Promise((answer, fail) => {
      if (this.#queue.push({ statement, values, answer, fail }) === 1) setImmediate(() => this.#look());
    });
  }

  #look(): void {
    try {
      this.#lookTogether(this.reading(), this.#queue.length === 1);
    } catch (error) {
      for (const { fail } of this.#queue.splice(0)) fail(storeError(error));
    }
    if (this.#queue.length > 0) setImmediate(() => this.#look());
  }

  #lookTogether(reading: Database.Database, alone: boolean): void {
    let looked = 0;
    if (!alone) reading.prepare('BEGIN').run();
    for (const { statement, values, answer, fail } of this.#queue) {
      looked += 1;
      try {
        answer(statement.all(...values));
      } catch (error) {
        fail(storeError(error));
      }
      if (turnIsOver()) break;
    }
    if (!alone) reading.prepare('COMMIT').run();
    this.#queue.splice(0, looked);
  }
}

/** Thrown inside a unit to undo it when a required step changed nothing. */
class NothingChanged extends Error {}

/**
 * Writes that arrive in the same turn of the event loop share one transaction and so one commit; each is a savepoint
 * of its own, so that one that fails (a unique index, say) takes nobody with it.
 */
class GroupCommit {
  readonly #pool: ReturnType<typeof poolOf<Database.Database>>;
  #queue: { job: Job; fail: (error: unknown) => void }[] = [];
  #flushing: Promise<void> | undefined;

  constructor(
    knex: Knex,
    readonly committed: (connection: Database.Database) => void,
  ) {
    this.#pool = poolOf<Database.Database>(knex);
  }

  run(sql: string, values: Value[]): Promise<number> {
    return this.#enqueue((connection) => connection.prepare<Value[]>(sql).run(...values).changes);
  }

  async unit(steps: Step[]): Promise<boolean> {
    try {
      await this.#enqueue((connection) => {
        const savepoint = connection.transaction(() => {
          for (const { statement, values, required } of steps) {
            const { sql } = statement as SqliteStatement;
            const { changes } = connection.prepare<Value[]>(sql).run(...values);
            if (required && changes === 0) throw new NothingChanged();
          }
        });
        savepoint();
      });
      return true;
    } catch (error) {
      if (error instanceof NothingChanged) return false;
      throw error;
    }
  }

  async idle(): Promise<void> {
    while (this.#flushing) await this.#flushing;
  }

  #enqueue<T>(work: (connection: Database.Database) => T): Promise<T> {
    return new Promise<T>((resolve, fail) => {
      const job: Job = (connection) => {
        const answer = work(connection);
        return () => resolve(answer);
      };
      this.#queue.push({ job, fail });
      this.#flushing ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    // Let everything that this turn of the loop brings in join the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) await this.#commitBatch();
    this.#flushing = undefined;
  }

  async #commitBatch(): Promise<void> {
    const failAll = (amount: number, error: unknown): void => {
      for (const { fail } of this.#queue.splice(0, amount)) fail(storeError(error));
    };
    let connection: Database.Database;
    try {
      connection = await this.#pool.acquireConnection();
    } catch (error) {
      return failAll(Infinity, error);
    }
    try {
      await yieldToEventLoop();
      await whenFree(connection, () => connection.exec('BEGIN IMMEDIATE'));
    } catch (error) {
      await this.#pool.releaseConnection(connection);
      return failAll(Infinity, error);
    }
    const answers: (() => void)[] = [];
    let taken = 0;
    try {
      for (const { job, fail } of this.#queue) {
        taken += 1;
        try {
          answers.push(job(connection));
        } catch (error) {
          // A full disk or an I/O error ends the whole transaction; then nobody's write happened.
          if (!connection.inTransaction) throw error;
          fail(storeError(error));
        }
        if (turnIsOver()) break; // the others share the next commit
      }
      connection.exec('COMMIT');
      for (const answer of answers) answer();
      this.#queue.splice(0, taken);
      this.committed(connection);
    } catch (error) {
      if (connection.inTransaction) connection.exec('ROLLBACK');
      failAll(taken, error);
    } finally {
      await this.#pool.releaseConnection(connection);
    }
  }
}
