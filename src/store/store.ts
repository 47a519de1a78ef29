import type { Knex } from 'knex';

/** What a statement can be given and answers: text, whole numbers, nothing. Booleans are 0 and 1, times are epoch milliseconds. */
export type Value = string | number | null;
export type Row = Record<string, Value>;

/**
 * A prepared statement for a hot path. Parameters are positional, written `?` in the SQL for both dialects.
 * `run` resolves only after the write is committed, with the number of rows it changed.
 */
export interface Statement {
  first(...values: Value[]): Promise<Row | undefined>;
  all(...values: Value[]): Promise<Row[]>;
  /**
   * For what many ask at once: looks of one turn of the event loop are made together. Each row is a list of its columns in
   * the order of the SELECT, which costs less than an object with their names.
   */
  together(...values: Value[]): Promise<Value[][]>;
  run(...values: Value[]): Promise<number>;
}

/** One step of a unit: a write that must change at least one row for the rest to happen, where `required` is set. */
export interface Step {
  statement: Statement;
  values: Value[];
  required?: boolean;
}

/** Small facts about the store itself, one row a key. */
export interface Meta {
  get(key: string): Promise<string | undefined>;
  /** Writes the value unless the key has one, and answers the one that stands. Two processes get the same answer. */
  claim(key: string, value: string): Promise<string>;
  set(key: string, value: string): Promise<void>;
  /** All whose keys begin like this, as key and value. */
  all(prefix: string): Promise<[string, string][]>;
}

/** An ear for what other processes change. Word may get lost, so who listens also looks now and then. */
export interface Listening {
  /** Whether another process may have changed something since this was last asked. It is quick: no query is made. */
  heard(): boolean;
  close(): void;
}

/**
 * The one store. SQLite and PostgreSQL keep the same promises (test/store/ runs one suite on both):
 * - a promise that resolves after a write means that the write is committed and survives kill -9 (with
 *   `store.durability: "full"`, a power cut too);
 * - a unit happens whole or not at all;
 * - a transaction sees its own writes, nobody else does before it ends.
 */
export interface Store {
  readonly dialect: 'sqlite' | 'postgres';
  /** For everything that is not a hot path. */
  readonly knex: Knex;
  /** Prepares once; the same SQL gives the same statement. */
  prepare(sql: string): Statement;
  /**
   * Runs the steps in order, atomically. Answers false, with nothing changed, when a `required` step changed no row.
   * @throws what the failing step threw; nothing is changed then either.
   */
  unit(steps: Step[]): Promise<boolean>;
  /** One transaction on one connection; rolled back when `work` throws. Keep slow work (hashing, network) outside. */
  transaction<T>(work: (trx: Knex.Transaction) => Promise<T>): Promise<T>;
  /**
   * As `transaction`, for work that may write or delete any number of rows. On SQLite it runs in a thread: even the commit of
   * such a transaction would hold up this one. Each of its statements costs a trip to that thread.
   */
  largeTransaction<T>(work: (trx: Knex.Transaction) => Promise<T>): Promise<T>;
  /**
   * Whether a large transaction of this process keeps its other writes waiting, and gets on. Then a write that waits says
   * nothing about the store.
   */
  inLargeTransaction(): boolean;
  /**
   * Runs work of a transaction whose single statements may take long (a migration): `store.statementSeconds` ends none
   * of them. Callers of the API must not wait for such work.
   */
  unhurried<T>(trx: Knex.Transaction, work: () => Promise<T>): Promise<T>;
  readonly meta: Meta;
  /**
   * Begins to listen to what other processes announce; see announceChange. With `own`, SQLite hears each commit of this process
   * too; what PostgreSQL announces comes from this process as from others.
   */
  listen(options?: { own?: boolean }): Listening;
  /** Resolves when a trivial query does. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** A write broke a unique index; `index` is its name (`roles_name`). */
export class UniqueViolation extends Error {
  override name = 'UniqueViolation';
  constructor(
    readonly index: string,
    cause: unknown,
  ) {
    super(`unique index ${index}`, { cause });
  }
}

/** Meta over any prepared-statement maker. */
export function metaOver(prepare: (sql: string) => Statement): Meta {
  const select = prepare('SELECT value FROM meta WHERE key = ?');
  const insert = prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING');
  const upsert = prepare(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  );
  const all = prepare('SELECT key, value FROM meta WHERE substr(key, 1, ?) = ?');
  const get = async (key: string) => (await select.first(key))?.['value'] as string | undefined;
  return {
    get,
    async claim(key, value) {
      await insert.run(key, value);
      return (await get(key)) ?? value;
    },
    set: async (key, value) => void (await upsert.run(key, value)),
    all: async (prefix) =>
      (await all.all(prefix.length, prefix)).map((row) => [row['key'] as string, row['value'] as string]),
  };
}

/** In the data folder. */
export const SQLITE_FILE = 'gatehouse.sqlite';

/** knex writes about its pool to the console, where only the log may write. What it says comes as an error, too. */
export const SILENT_LOG: Knex.Logger = {
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined,
  deprecate: () => undefined,
};

/** knex's own pool, which its types leave open: the connection that a driver works on directly. */
interface Pooled<C> {
  acquireConnection(): Promise<C>;
  releaseConnection(connection: C): Promise<void>;
}

/** The pool behind a knex, for what goes past knex on the same connections. */
export const poolOf = <C>(knex: Knex): Pooled<C> => knex.client as Pooled<C>;
