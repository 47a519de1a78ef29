import type { Knex } from 'knex';
import { deleteInPieces } from './in-pieces.js';
import { announceChange, storeTimeOf } from './changes.js';
import { insertRows } from './insert-rows.js';
import { isPostgres, nameIndexOn, type NameIndex } from './name-index.js';
import { UniqueViolation, type Store } from './store.js';

/**
 * What a room's store.ts is given: tables of one tenant and of no other. `from` reads, changes and deletes only the
 * tenant's rows; `insert` and `put` write the tenant's id into each row.
 */
export interface TenantDb {
  readonly tenantId: string;
  /** By which users are found by part of their names. */
  readonly names: NameIndex;
  /** Leaves the rows whose column has one of these values. However many they are, it is one statement to the database. */
  among(rows: Knex.QueryBuilder, column: string, values: readonly string[]): Knex.QueryBuilder;
  from(table: string): Knex.QueryBuilder;
  /** Deletes the rows with these values, however many; see deleteInPieces. */
  deleteAll(table: string, values: Record<string, unknown>): Promise<number>;
  /**
   * Says that a table has grown by much. PostgreSQL plans the checks of foreign keys once a connection, and those that were
   * planned over an empty table read all of it each time, until it is looked at anew.
   */
  grown(table: string): Promise<void>;
  insert(table: string, row: Record<string, unknown>): Promise<void>;
  /**
   * Holds the tenant's row until the transaction ends, so that of two changes that must not both happen the second waits,
   * and then sees the first. Rows that only refer to the tenant are written meanwhile.
   */
  lockTenant(): Promise<void>;
  /**
   * Orders changes that take rights from somebody (`take`) and changes that rely on rights (`use`). A change that takes
   * waits for those that have begun, and those that begin later see it; changes that use rights do not wait for each other.
   * Call it first in a transaction, before it holds anything that others wait for. SQLite orders all transactions.
   */
  lockRights(mode: 'use' | 'take'): Promise<void>;
  /**
   * Orders changes that give a name of these to something, whatever it is, until the transaction ends: look for the name
   * afterwards. SQLite orders all transactions.
   */
  lockNames(names: readonly string[]): Promise<void>;
  /** Inserts rows of the same columns; all or none, in a transaction. */
  insertAll(table: string, rows: readonly Record<string, unknown>[]): Promise<void>;
  /**
   * Inserts those rows whose `key` columns nobody has, of two with the same the first.
   * @param column of numbers, which tells the rows apart.
   * @returns what it has in those that were written.
   */
  insertFree(
    table: string,
    key: string[],
    column: string,
    rows: readonly Record<string, unknown>[],
  ): Promise<ReadonlySet<number>>;
  /**
   * Counts one more of what `id` names, unless there are `quota` of them already; answers whether it was counted. What is
   * counted first begins a window that lasts `windowMs`.
   */
  count(id: string, quota: number, windowMs: number): Promise<boolean>;
  /** Inserts the row, unless the tenant has one with the same `key` columns; with `'any'`, unless a unique index refuses it. */
  ensure(table: string, key: string[] | 'any', row: Record<string, unknown>): Promise<void>;
  /**
   * Raises the tenant's number in a table of such numbers, and says so to other processes when the transaction commits. It
   * never falls behind the store's time. Call it last: other changes of the tenant wait from here on.
   */
  raise(table: string): Promise<void>;
  /** Inserts the row, or takes the place of the tenant's one with the same `key` columns. */
  put(table: string, key: string[], row: Record<string, unknown>): Promise<void>;
}

/** Tells this advisory lock of PostgreSQL from others: 'righ'. */
const RIGHTS_LOCK = 0x72696768;
const LOCK_RIGHTS = { use: 'pg_advisory_xact_lock_shared', take: 'pg_advisory_xact_lock' };

/** Tells the advisory locks of names from others: 'name'. One is taken after the other, in the same order by everybody. */
const NAMES_LOCK = 0x6e616d65;
const LOCK_NAMES = `SELECT pg_advisory_xact_lock(?::int, lock) FROM (
  SELECT DISTINCT hashtext(? || ' ' || name) AS lock FROM jsonb_array_elements_text(?::jsonb) AS name ORDER BY lock
) AS locks`;

/** Binds a connection (the store's, or a transaction's) to one tenant. */
export function tenantDb(connection: Knex, tenantId: string): TenantDb {
  const owner = { tenant_id: tenantId };
  return {
    tenantId,
    names: nameIndexOn(connection, tenantId),
    among: (rows, column, values) =>
      rows.whereRaw(
        isPostgres(connection)
          ? '?? IN (SELECT jsonb_array_elements_text(?::jsonb))'
          : '?? IN (SELECT value FROM json_each(?))',
        [column, JSON.stringify(values)],
      ),
    from: (table) => connection(table).where(`${table}.tenant_id`, tenantId),
    deleteAll: (table, values) =>
      deleteInPieces(connection, table, (rows) => rows.where({ ...owner, ...values })),
    async grown(table) {
      if (isPostgres(connection)) await connection.raw('ANALYZE ??', [table]);
    },
    insert: (table, row) =>
      namingIndex(async () => void (await connection(table).insert({ ...row, tenant_id: tenantId }))),
    lockTenant: async () =>
      void (await connection('tenants').where({ id: tenantId }).forNoKeyUpdate().first('id')),
    async lockRights(mode) {
      if (isPostgres(connection))
        await connection.raw(`SELECT ${LOCK_RIGHTS[mode]}(?::int, hashtext(?))`, [RIGHTS_LOCK, tenantId]);
    },
    async lockNames(names) {
      if (isPostgres(connection))
        await connection.raw(LOCK_NAMES, [NAMES_LOCK, tenantId, JSON.stringify(names)]);
    },
    insertAll: (table, rows) =>
      namingIndex(async () => void (await insertRows(connection, table, owner, rows))),
    async insertFree(table, key, column, rows) {
      const leaveOut = { key: ['tenant_id', ...key], column };
      return new Set((await insertRows(connection, table, owner, rows, leaveOut)) as number[]);
    },
    async count(id, quota, windowMs) {
      const now = Date.now();
      const counted = (await connection('rate_counts')
        .insert({ tenant_id: tenantId, id, count: 1, expires_at: now + windowMs })
        .onConflict(['tenant_id', 'id'])
        .merge({
          count: connection.raw(
            'CASE WHEN rate_counts.expires_at <= ? THEN 1 ELSE rate_counts.count + 1 END',
            [now],
          ),
          expires_at: connection.raw(
            'CASE WHEN rate_counts.expires_at <= ? THEN excluded.expires_at ELSE rate_counts.expires_at END',
            [now],
          ),
        })
        .whereRaw('(rate_counts.count < ? OR rate_counts.expires_at <= ?)', [quota, now])
        .returning('count')) as unknown[];
      return counted.length > 0;
    },
    async ensure(table, key, row) {
      const insert = connection(table).insert({ ...row, tenant_id: tenantId });
      await (key === 'any' ? insert.onConflict() : insert.onConflict(['tenant_id', ...key])).ignore();
    },
    async raise(table) {
      const now = storeTimeOf(connection);
      await connection(table)
        .insert({ ...owner, version: now })
        .onConflict(['tenant_id'])
        .merge({
          version: connection.raw('CASE WHEN ??.version >= ? THEN ??.version + 1 ELSE ? END', [
            table,
            now,
            table,
            now,
          ]),
        });
      await announceChange(connection);
    },
    put: async (table, key, row) =>
      void (await connection(table)
        .insert({ ...row, tenant_id: tenantId })
        .onConflict(['tenant_id', ...key])
        .merge()),
  };
}

/** One transaction of one tenant; see Store.largeTransaction for what is `large`. */
export const tenantTransaction = <T>(
  store: Store,
  tenantId: string,
  work: (db: TenantDb) => Promise<T>,
  { large = false } = {},
): Promise<T> => store[large ? 'largeTransaction' : 'transaction']((trx) => work(tenantDb(trx, tenantId)));

interface DriverError extends Error {
  code?: string;
  constraint?: string;
}

/**
 * Runs a write; a broken unique index comes out as UniqueViolation. PostgreSQL tells the index's name, SQLite its columns:
 * every unique index is called `<table>_<last column>`, so that both come out the same.
 */
export async function namingIndex<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const { code, constraint, message } = error as DriverError;
    if (code === '23505') throw new UniqueViolation(constraint ?? '?', error);
    const columns = /UNIQUE constraint failed: (.*)$/m.exec(message)?.[1];
    if (columns !== undefined)
      throw new UniqueViolation(columns.split(', ').at(-1)?.replace('.', '_') ?? columns, error);
    throw error;
  }
}
