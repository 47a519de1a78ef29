import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import knexFactory, { type Knex } from 'knex';
import BetterSqlite3Client, { type Runner } from 'knex/lib/dialects/better-sqlite3/index.js';
import type { Config } from '../config.js';
import { turnIsOver, yieldToEventLoop } from '../kernel/event-loop.js';
import { acquired, guarded, storeError } from './failures.js';
import {
  metaOver,
  type Listening,
  SILENT_LOG,
  type Row,
  type Statement,
  type Step,
  type Store,
  type Value,
} from './store.js';

export const SQLITE_FILE = 'gatehouse.sqlite';
/** How often to look whether another process still holds the file. */
const BUSY_LOOK_MS = 10;
/** So much of the file is read as memory: a page that is not in SQLite's own cache costs no call and no copy. */
const MAPPED_BYTES = 1024 ** 3;

type Job = (connection: Database.Database) => () => void;

/**
 * SQLite: one writer, one reader, both on the same file in WAL mode.
 * The writer's connection is the only one in knex's pool, so transactions and group commits queue up for it and
 * never meet inside one another. Reads outside of transactions go to a second connection, which sees only what is
 * committed and never waits for a writer.
 *
 * A call waits `store.waitSeconds` in all: for the connection, and then for another process that holds the file. SQLite's
 * own waiting (`busy_timeout`) is off, because it stops the whole process.
 *
 * Statements are synchronous, so each first asks whether this turn of the event loop has time left (yieldToEventLoop).
 * No loop of statements can then keep the process from its other events. A transaction stays open meanwhile; what
 * wants to write waits for the connection.
 */
export function openSqlite(dataDir: string, { durability, waitSeconds }: Config['store']): Store {
  const filename = join(dataDir, SQLITE_FILE);
  closeSync(openSync(filename, 'a', 0o600)); // SQLite gives its other files the same mode
  const waitMs = waitSeconds * 1000;
  let writing: Database.Database | undefined;
  let reader: Database.Database | undefined;
  const reading = (): Database.Database => {
    if (!reader) {
      reader = new Database(filename, { timeout: 0 });
      keepStatements(reader);
      reader.exec(`PRAGMA query_only = 1; PRAGMA mmap_size = ${MAPPED_BYTES}`);
    }
    return reader;
  };
  const knex = knexFactory({
    client: yieldingClient(waitMs, reading),
    compileSqlOnError: false, // knex's errors hold the statement without its values
    connection: { filename },
    useNullAsDefault: true,
    log: SILENT_LOG,
    pool: {
      min: 1,
      max: 1,
      acquireTimeoutMillis: waitMs,
      afterCreate(connection: Database.Database, done: (error: Error | null) => void) {
        keepStatements(connection);
        // Not by pragma(), which leaves a statement behind for the collector.
        connection.exec('PRAGMA busy_timeout = 0; PRAGMA foreign_keys = ON');
        connection.exec(`PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
        // Another process may be starting on the same new file.
        const walMode = (): unknown => connection.exec('PRAGMA journal_mode = WAL');
        whenFree(performance.now() + waitMs, walMode).then(() => {
          writing = connection;
          done(null);
        }, done);
      },
    },
  });

  const reads = new GroupRead(reading);
  const writer = new GroupCommit(knex, waitMs);
  const statements = new Map<string, SqliteStatement>();
  const prepare = (sql: string): SqliteStatement => {
    let statement = statements.get(sql);
    if (!statement)
      statements.set(sql, (statement = new SqliteStatement(sql, reading, waitMs, reads, writer)));
    return statement;
  };

  return {
    dialect: 'sqlite',
    knex,
    prepare,
    unit: (steps) => writer.unit(steps),
    transaction: (work) => knex.transaction(work),
    unhurried: (_connection, work) => work(),
    meta: metaOver(prepare),
    listen: () => listenOn(() => writing),
    ping: async () => void (await knex.raw('SELECT 1 FROM sqlite_schema LIMIT 1')), // reads the file
    async close() {
      await writer.idle();
      reader?.close();
      await knex.destroy();
    },
  };
}

/** The writer's connection: until when who has it may wait for another process. */
const deadlines = new WeakMap<Database.Database, number>();

/** The connection that knex gives to who asks for it, within a time. */
interface WriterPool {
  acquireConnection(until?: number): Promise<Database.Database>;
  releaseConnection(connection: Database.Database): Promise<void>;
}

/** What knex runs: a built query, or a raw one. */
interface Builder {
  _method?: string;
  sql?: string;
}

const READING_METHODS: readonly unknown[] = ['select', 'first', 'pluck'];

const isRead = ({ _method, sql }: Builder): boolean =>
  READING_METHODS.includes(_method) || /^\s*SELECT\b/i.test(sql ?? '');

/**
 * knex's client for SQLite, with pauses for the event loop and StoreUnavailable for what the file cannot do. Reads outside of
 * transactions go past the pool, so that they wait neither for a transaction nor with it for another process.
 */
function yieldingClient(waitMs: number, reading: () => Database.Database): typeof BetterSqlite3Client {
  return class extends BetterSqlite3Client {
    override async acquireConnection(until = performance.now() + waitMs): Promise<Database.Database> {
      const connection = (await acquired(() => askUntil(this.pool, until))) as Database.Database;
      deadlines.set(connection, until);
      return connection;
    }

    override runner(builder: Builder): Runner {
      const runner = super.runner(builder);
      if (!this.transacting && isRead(builder)) runner.connection = reading();
      return runner;
    }

    override query(connection: unknown, query: unknown): Promise<unknown> {
      return guarded(() => super.query(connection, query) as Promise<unknown>);
    }

    protected override async _query(connection: Database.Database, query: { sql: string }): Promise<unknown> {
      // A transaction that first reads could not write any more once another process has written.
      if (query.sql === 'BEGIN;') query.sql = 'BEGIN IMMEDIATE;';
      await yieldToEventLoop();
      const work = (): Promise<unknown> => super._query(connection, query);
      return connection.inTransaction ? work() : whenFree(untilOf(connection, waitMs), work);
    }
  };
}

async function askUntil(pool: BetterSqlite3Client['pool'], until: number): Promise<unknown> {
  if (!pool) throw new Error('the store is closed');
  const asked = pool.acquire() as { promise: Promise<unknown>; abort(): void };
  const timer = setTimeout(() => asked.abort(), until - performance.now());
  try {
    return await asked.promise;
  } finally {
    clearTimeout(timer);
  }
}

const untilOf = (connection: Database.Database, waitMs: number): number =>
  deadlines.get(connection) ?? performance.now() + waitMs;

const isBusy = (error: unknown): boolean =>
  (error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true;

/** Waits for another process that holds the file, as `busy_timeout` does, while this process goes on. */
async function whenFree<T>(until: number, work: () => T | Promise<T>): Promise<T> {
  for (;;)
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error;
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
    readonly waitMs: number,
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
    return this.#unlessBusy(() => look(this.#reading));
  }

  together(...values: Value[]): Promise<Row[]> {
    return this.#unlessBusy(() => this.reads.all(this.#reading, values));
  }

  /** A reader waits for no writer, only for a process that has the file for itself (a recovery after a crash, say). */
  async #unlessBusy<T>(look: () => T | Promise<T>): Promise<T> {
    try {
      return await look();
    } catch (error) {
      if (!isBusy(error)) throw storeError(error);
      return guarded(() => whenFree(performance.now() + this.waitMs, look));
    }
  }

  run(...values: Value[]): Promise<number> {
    return this.writer.run(this.sql, values);
  }
}

/**
 * Hears of commits of other processes, of whatever: the number that the writer's connection sees of them changes. It is read once
 * in a turn of the event loop, which costs a microsecond.
 */
function listenOn(writing: () => Database.Database | undefined): Listening {
  let version: unknown;
  let isRead = false;
  const read = (): unknown => {
    try {
      return writing()?.prepare('PRAGMA data_version').pluck().get();
    } catch {
      return version; // it is read again in the next turn
    }
  };
  return {
    heard() {
      if (isRead) return false;
      isRead = true;
      setImmediate(() => (isRead = false));
      const before = version;
      version = read();
      return version !== before;
    },
    close: () => undefined,
  };
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
      for (const { fail } of this.#queue.splice(0)) fail(error);
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
        fail(error);
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
  readonly #pool: WriterPool;
  #queue: { job: Job; until: number; fail: (error: unknown) => void }[] = [];
  #flushing: Promise<void> | undefined;

  constructor(
    knex: Knex,
    readonly waitMs: number,
  ) {
    this.#pool = knex.client as WriterPool;
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
      this.#queue.push({ job, until: performance.now() + this.waitMs, fail });
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
    const until = this.#queue[0]?.until ?? 0; // of the one that has waited longest
    let connection: Database.Database;
    try {
      connection = await this.#pool.acquireConnection(until);
    } catch (error) {
      return failAll(Infinity, error);
    }
    try {
      await yieldToEventLoop();
      await whenFree(until, () => connection.exec('BEGIN IMMEDIATE'));
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
    } catch (error) {
      if (connection.inTransaction) connection.exec('ROLLBACK');
      failAll(taken, error);
    } finally {
      await this.#pool.releaseConnection(connection);
    }
  }
}
