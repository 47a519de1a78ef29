import type Database from 'better-sqlite3';
import type { Knex } from 'knex';
import { turnIsOver, yieldToEventLoop } from '../kernel/event-loop.js';
import { atEndOfTurn } from '../kernel/turn-phases.js';
import { guarded, storeError } from './failures.js';
import { isBusy, whenFree, type WriterPool } from './sqlite-client.js';
import type { Row, Statement, Step, Value } from './store.js';

type Job = (connection: Database.Database) => () => void;

export class SqliteStatement implements Statement {
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
    const now = (): T => look(this.#reading);
    try {
      return now();
    } catch (error) {
      return lookAgain(error, now, this.waitMs);
    }
  }

  together(...values: Value[]): Promise<Value[][]> {
    return this.reads.add(() => inColumns(this.#reading, values));
  }

  run(...values: Value[]): Promise<number> {
    return this.writer.run(this.sql, values);
  }
}

/** A reader waits for no writer, only for a process that has the file for itself (a recovery after a crash, say). */
async function lookAgain<T>(error: unknown, look: () => T, waitMs: number): Promise<T> {
  if (!isBusy(error)) throw storeError(error);
  return guarded(() => whenFree(performance.now() + waitMs, look));
}

/** The connection keeps one statement for each SQL, which others read by names. */
function inColumns(statement: Database.Statement<Value[], unknown>, values: Value[]): Value[][] {
  statement.raw(true);
  try {
    return statement.all(...values) as Value[][];
  } finally {
    statement.raw(false);
  }
}

interface Look {
  look(): Value[][];
  answer(rows: Value[][] | Promise<Value[][]>): void;
}

/**
 * Looks that arrive in the same turn of the event loop share one read transaction, and come one right after the other: the
 * locks of each would cost as much as the look, and finding SQLite in the processor's caches again, between all else that
 * a request does, four times as much (docs/performance.md).
 */
export class GroupRead {
  #queue: Look[] = [];

  constructor(
    readonly reading: () => Database.Database,
    readonly waitMs: number,
  ) {}

  add(look: () => Value[][]): Promise<Value[][]> {
    return new Promise((answer) => {
      if (this.#queue.push({ look, answer }) === 1) atEndOfTurn(() => this.#look());
    });
  }

  #look(): void {
    try {
      this.#lookTogether(this.reading(), this.#queue.length === 1);
    } catch (error) {
      for (const { look, answer } of this.#queue.splice(0)) answer(lookAgain(error, look, this.waitMs));
    }
    if (this.#queue.length > 0) atEndOfTurn(() => this.#look());
  }

  #lookTogether(reading: Database.Database, alone: boolean): void {
    let looked = 0;
    if (!alone) reading.prepare('BEGIN').run();
    for (const { look, answer } of this.#queue) {
      looked += 1;
      try {
        answer(look());
      } catch (error) {
        answer(lookAgain(error, look, this.waitMs));
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
export class GroupCommit {
  readonly #pool: WriterPool;
  #queue: { job: Job; until: number; fail: (error: unknown) => void }[] = [];
  #flushing: Promise<void> | undefined;

  constructor(
    knex: Knex,
    readonly waitMs: number,
    readonly committed: (connection: Database.Database) => void,
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
    await new Promise<void>((resolve) => atEndOfTurn(resolve));
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
      this.committed(connection);
    } catch (error) {
      if (connection.inTransaction) connection.exec('ROLLBACK');
      failAll(taken, error);
    } finally {
      await this.#pool.releaseConnection(connection);
    }
  }
}
