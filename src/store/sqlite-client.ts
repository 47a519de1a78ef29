import { setTimeout as sleep } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import BetterSqlite3Client, { type Runner } from 'knex/lib/dialects/better-sqlite3/index.js';
import { yieldToEventLoop } from '../kernel/event-loop.js';
import { undoesNothing } from './ended-transactions.js';
import { acquired, guarded, storeError } from './failures.js';

/** How often to look whether another process still holds the file. */
const BUSY_LOOK_MS = 10;

/** The writer's connection: until when who has it may wait for another process. */
const deadlines = new WeakMap<Database.Database, number>();

/** The connection that knex gives to who asks for it, within a time. */
export interface WriterPool {
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

/** A transaction that first reads could not write any more once another process has written: so none begins that way. */
export const readyToWrite = (sql: string): string => (sql === 'BEGIN;' ? 'BEGIN IMMEDIATE;' : sql);

interface ClientParts {
  /** How long a call may wait, for the connection and for another process together. */
  waitMs: number;
  /** The connection that reads. */
  reading(): Database.Database;
  /** Hears of each commit of the connection that writes. */
  committed(connection: Database.Database): void;
}

/**
 * knex's client for SQLite, with pauses for the event loop and StoreUnavailable for what the file cannot do. Reads outside of
 * transactions go past the pool, so that they wait neither for a transaction nor with it for another process.
 */
export function yieldingClient({ waitMs, reading, committed }: ClientParts): typeof BetterSqlite3Client {
  return class extends BetterSqlite3Client {
    override async acquireConnection(until = performance.now() + waitMs): Promise<Database.Database> {
      const connection = (await acquired(() => askUntil(this.pool, until))) as Database.Database;
      deadlines.set(connection, until);
      return connection;
    }

    override runner(builder: Builder): Runner {
      const runner = super.runner(builder);
      if (!this.transacting && isRead(builder)) runner.connection = unlessBusy(reading);
      return runner;
    }

    override query(connection: unknown, query: unknown): Promise<unknown> {
      return guarded(() => super.query(connection, query) as Promise<unknown>);
    }

    protected override async _query(connection: Database.Database, query: { sql: string }): Promise<unknown> {
      query.sql = readyToWrite(query.sql);
      await yieldToEventLoop();
      if (undoesNothing(connection, query.sql)) return query;
      const work = (): Promise<unknown> => super._query(connection, query);
      const answer = await (connection.inTransaction ? work() : whenFree(untilOf(connection, waitMs), work));
      if (!connection.inTransaction && deadlines.has(connection)) committed(connection);
      return answer;
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

export const isBusy = (error: unknown): boolean =>
  (error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true;

/** The connection that reads; undefined while another process has the file for itself: then the pool waits for it. */
function unlessBusy(reading: () => Database.Database): Database.Database | undefined {
  try {
    return reading();
  } catch (error) {
    if (isBusy(error)) return undefined;
    throw storeError(error);
  }
}

/** Waits for another process that holds the file, as `busy_timeout` does, while this process goes on. */
export async function whenFree<T>(until: number, work: () => T | Promise<T>): Promise<T> {
  for (;;)
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error;
      await sleep(BUSY_LOOK_MS);
    }
}
