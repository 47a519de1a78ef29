import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import knexFactory, { type Knex } from 'knex';
import type { Config } from '../config.js';
import { Checkpoints } from './checkpoints.js';
import { keepStatements } from './keep-statements.js';
import { ownerOnly } from './owner-only.js';
import { whenFree, yieldingClient, type WriterPool } from './sqlite-client.js';
import { seldom, type Report } from './report.js';
import { GroupCommit, GroupRead, SqliteStatement } from './sqlite-statements.js';
import { metaOver, SILENT_LOG, SQLITE_FILE, type Listening, type Store } from './store.js';
import { threadAnsweredAt, ThreadClient, type ThreadConnection } from './thread-connection.js';

/** So much of the file is read as memory: a page that is not in SQLite's own cache costs no call and no copy. */
const MAPPED_BYTES = 1024 ** 3;
/** The thread's pages in memory; 16 MiB make a list of devices or a deletion no quicker. */
const THREAD_CACHE_KIB = 4096;
/** Work in the thread that is longer without an answer does not get on. */
const LONGEST_STATEMENT_MS = 10_000;

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
 *
 * Two things take long in one statement: the commit of a large transaction, and a checkpoint. They run in a thread, on a
 * connection of its own (largeTransaction, Checkpoints).
 */
export function openSqlite(
  dataDir: string,
  { durability, waitSeconds }: Config['store'],
  reportOften: Report,
): Store {
  const report = seldom(reportOften);
  const filename = join(dataDir, SQLITE_FILE);
  closeSync(openSync(filename, 'a', 0o600)); // SQLite gives its other files the same mode
  for (const end of ['', '-wal', '-shm']) ownerOnly(filename + end);
  const waitMs = waitSeconds * 1000;
  const setup = `PRAGMA foreign_keys = ON; PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`;
  const common = {
    compileSqlOnError: false, // knex's errors hold the statement without its values
    useNullAsDefault: true,
    log: SILENT_LOG,
  };
  const reading = readerOf(filename);
  const committed = (connection: Database.Database): void => checkpoints.committed(connection);
  let writing: Database.Database | undefined;
  const knex = knexFactory({
    ...common,
    client: yieldingClient({ waitMs, reading: reading.connection, committed }),
    connection: { filename },
    pool: {
      min: 1,
      max: 1,
      acquireTimeoutMillis: waitMs,
      afterCreate(connection: Database.Database, done: (error: Error | null) => void) {
        keepStatements(connection);
        // Another process may be starting on the same new file. Not by pragma(), which leaves a statement behind for the
        // collector. Checkpoints are begun by Checkpoints.
        const setUp = (): unknown =>
          connection.exec(
            `PRAGMA busy_timeout = 0; ${setup}; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0`,
          );
        whenFree(performance.now() + waitMs, setUp).then(() => {
          writing = connection;
          done(null);
        }, done);
      },
    },
  });
  const thread = threadOf(common, { filename, setup, report }, knex, waitMs);
  const checkpoints = new Checkpoints(thread.knex, thread.holdingWrites, report);
  const reads = new GroupRead(reading.connection, waitMs);
  const writer = new GroupCommit(knex, waitMs, committed);
  const commitsOfAll = commitsOfOthers(reading.connection);
  const commitsOfProcesses = commitsOfOthers(() => writing);
  const statements = new Map<string, SqliteStatement>();
  const prepare = (sql: string): SqliteStatement => {
    let statement = statements.get(sql);
    if (!statement)
      statements.set(sql, (statement = new SqliteStatement(sql, reading.connection, waitMs, reads, writer)));
    return statement;
  };

  return {
    dialect: 'sqlite',
    knex,
    prepare,
    unit: (steps) => writer.unit(steps),
    transaction: (work) => knex.transaction(work),
    largeTransaction: thread.transaction,
    inLargeTransaction: thread.holdsWrites,
    unhurried: (_connection, work) => work(),
    meta: metaOver(prepare),
    listen: ({ own = false } = {}) => listenTo(own ? commitsOfAll : commitsOfProcesses),
    ping: async () => void (await knex.raw('SELECT 1 FROM sqlite_schema LIMIT 1')), // reads the file
    async close() {
      await writer.idle();
      await checkpoints.idle();
      await thread.close();
      reading.close();
      await knex.destroy();
    },
  };
}

/** The connection that reads; it is opened when it is first asked for, after the file has its tables. */
function readerOf(filename: string): { connection(): Database.Database; close(): void } {
  let reader: Database.Database | undefined;
  return {
    connection() {
      if (!reader) {
        reader = new Database(filename, { timeout: 0 });
        keepStatements(reader);
        reader.exec(`PRAGMA query_only = 1; PRAGMA mmap_size = ${MAPPED_BYTES}`);
      }
      return reader;
    },
    close: () => reader?.close(),
  };
}

interface ThreadSettings {
  filename: string;
  /** Statements for a new connection. */
  setup: string;
  /** Is told that the thread has ended. */
  report: Report;
}

const THREAD_HAS_ENDED = 'the SQLite thread has ended; it starts again when it is needed';

interface Thread {
  /** knex in the thread. */
  knex(): Knex;
  /** Runs work while nothing of this process writes: what wants to waits as it does for a transaction. */
  holdingWrites<T>(work: () => Promise<T>): Promise<T>;
  /** Whether writes wait for work in the thread that gets on. */
  holdsWrites(): boolean;
  transaction: Store['largeTransaction'];
  close(): Promise<void>;
}

function threadOf(
  settings: Knex.Config,
  { filename, setup, report }: ThreadSettings,
  { client }: Knex,
  waitMs: number,
): Thread {
  const writer = client as WriterPool;
  let inThread: Knex | undefined;
  const knex = (): Knex =>
    (inThread ??= knexFactory({
      ...settings,
      client: ThreadClient,
      connection: {
        filename,
        setup: `${setup}; PRAGMA cache_size = -${THREAD_CACHE_KIB}`,
      } as Knex.Sqlite3ConnectionConfig,
      pool: {
        min: 1, // it stays open: a connection that is closed leaves its statements behind (see keepStatements)
        max: 1,
        acquireTimeoutMillis: waitMs,
        afterCreate(connection: ThreadConnection, done: (error: Error | null) => void) {
          void connection.ended.then((reason) => report(THREAD_HAS_ENDED, reason));
          done(null);
        },
      },
    }));
  let holders = 0; // those that wait for the writer's connection as well: what asks for it later comes after them
  let heldSince = 0;
  const holding = async <T>(until: number, work: () => Promise<T>): Promise<T> => {
    if (holders === 0) heldSince = performance.now();
    holders += 1;
    try {
      const held = await writer.acquireConnection(until);
      try {
        return await work();
      } finally {
        await writer.releaseConnection(held);
      }
    } finally {
      holders -= 1;
    }
  };
  return {
    knex,
    holdsWrites: () =>
      holders > 0 && performance.now() - Math.max(heldSince, threadAnsweredAt()) < LONGEST_STATEMENT_MS,
    holdingWrites: (work) => holding(performance.now() + waitMs, work),
    transaction(work) {
      const until = performance.now() + waitMs;
      return holding(until, async () => {
        // SQLite's own waiting stops nothing but the thread.
        await knex().raw(`PRAGMA busy_timeout = ${Math.max(1, Math.ceil(until - performance.now()))}`);
        return knex().transaction(work);
      });
    },
    close: async () => void (await inThread?.destroy()),
  };
}

/**
 * A number that changes with each commit of another connection. The writer's connection sees those of other processes, the
 * reader's those of this process as well. It is read once in a turn of the event loop, which costs a microsecond, however many ask.
 */
function commitsOfOthers(connection: () => Database.Database | undefined): () => unknown {
  let version: unknown;
  let isRead = false;
  return () => {
    if (isRead) return version;
    isRead = true;
    setImmediate(() => (isRead = false));
    try {
      version = connection()?.prepare('PRAGMA data_version').pluck().get();
    } catch {
      // It is read again in the next turn.
    }
    return version;
  };
}

function listenTo(commits: () => unknown): Listening {
  let last: unknown;
  return {
    heard() {
      const before = last;
      last = commits();
      return last !== before;
    },
    close: () => undefined,
  };
}
