import type { Knex } from 'knex';
import PostgresClient from 'knex/lib/dialects/postgres/index.js';
import type pg from 'pg';
import type { Config } from '../config.js';
import { acquired, guarded, isSilence, isUnanswered } from './failures.js';
import { poolOf } from './store.js';

/** The server ends a statement first, so that its connection lives on; the client gives up on a server that is silent. */
const GRACE_MS = 500;
const KEEP_ALIVE_MS = 10_000;
/** For a migration of a large table. */
const UNHURRIED_MS = 6 * 3_600_000;

/** What pg's client has besides its types. */
export interface Connection extends Pick<pg.Client, 'query'> {
  connection: { stream: { destroy(): void } };
  /** Of the server's process behind it. */
  processID: number;
  /** How often the server had been silent when it was made. */
  silences: number;
  /** How long a statement may take on it where that is not the usual time. */
  queryTimeout?: number | undefined;
}

type Limits = ReturnType<typeof limitsOf>;

/** What pg and the server are told about time, in milliseconds. */
export function limitsOf({ statementSeconds, connectSeconds, idleTransactionSeconds }: Config['store']) {
  return {
    statement_timeout: statementSeconds * 1000,
    query_timeout: statementSeconds * 1000 + GRACE_MS,
    connectionTimeoutMillis: connectSeconds * 1000,
    idle_in_transaction_session_timeout: idleTransactionSeconds * 1000,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  };
}

/** knex's client for PostgreSQL, with StoreUnavailable for a server that cannot serve. */
export class LimitedClient extends PostgresClient {
  override acquireConnection(): Promise<unknown> {
    const { connectionTimeoutMillis } = this.config.connection as Limits;
    return acquired(() => inOwnTime(connectionTimeoutMillis, () => super.acquireConnection()));
  }

  override query(connection: unknown, query: unknown): Promise<unknown> {
    return guarded(() => super.query(connection, query) as Promise<unknown>);
  }

  protected override _query(
    connection: Connection,
    query: { sql: string; options?: object },
  ): Promise<unknown> {
    const { queryTimeout } = connection;
    if (queryTimeout !== undefined) query.options = { ...query.options, query_timeout: queryTimeout };
    return answering(connection, () => super._query(connection, query));
  }
}

/**
 * Takes a connection, and tries again where an attempt failed that had begun before this call. The pool fails the first call
 * that waits with each attempt that gets no answer, also after the server can be reached again.
 */
async function inOwnTime<T>(connectMs: number, take: () => Promise<T>): Promise<T> {
  const asked = performance.now();
  for (;;)
    try {
      return await take();
    } catch (error) {
      if (!isUnanswered(error) || performance.now() - asked >= connectMs) throw error;
    }
}

/** How often a query got no answer. */
let silences = 0;

/** Marks a new connection with the silences until now. */
export const markConnection = (connection: Connection): void => void (connection.silences = silences);

/** Whether the server has answered every query since a connection was made. */
export const isFresh = (connection: Connection): boolean => connection.silences === silences;

/** Runs a query. A connection that stays silent is cut, so that the pool makes another in its place. */
async function answering<T>(connection: Connection, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (isSilence(error)) {
      silences += 1;
      connection.connection.stream.destroy();
    }
    throw error;
  }
}

export async function unhurried<T>(
  trx: Knex.Transaction,
  usualMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const connection = await poolOf<Connection>(trx).acquireConnection(); // the transaction's own
  await trx.raw(`SET LOCAL statement_timeout = ${UNHURRIED_MS}`);
  connection.queryTimeout = UNHURRIED_MS;
  try {
    const done = await work();
    await trx.raw(`SET LOCAL statement_timeout = ${usualMs}`);
    return done;
  } finally {
    connection.queryTimeout = undefined;
  }
}

/** Runs work on a connection of the pool. */
export const onConnection = <T>(knex: Knex, work: (connection: Connection) => Promise<T>): Promise<T> =>
  guarded(async () => {
    const pool = poolOf<Connection>(knex);
    const connection = await pool.acquireConnection();
    try {
      return await answering(connection, () => work(connection));
    } finally {
      await pool.releaseConnection(connection);
    }
  });
