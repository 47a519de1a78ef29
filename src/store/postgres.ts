import { createHash, randomBytes } from 'node:crypto';
import knexFactory, { type Knex } from 'knex';
import PostgresClient from 'knex/lib/dialects/postgres/index.js';
import pg from 'pg';
import type { Config } from '../config.js';
import { atEndOfTurn } from '../kernel/turn-phases.js';
import { acquired, guarded, isSilence, isUnanswered } from './failures.js';
import { openLostConnections } from './lost-connections.js';
import { listenOn } from './postgres-listener.js';
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

const BIGINT = 20;
// Counts and epoch milliseconds stay below 2^53, so they can be numbers as on SQLite.
pg.types.setTypeParser(BIGINT, Number);

/** The server ends a statement first, so that its connection lives on; the client gives up on a server that is silent. */
const GRACE_MS = 500;
const KEEP_ALIVE_MS = 10_000;
/** The server ends the connections of a machine that is gone within 20 seconds. */
const SERVER_KEEP_ALIVE = '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2';
/** For a migration of a large table. */
const UNHURRIED_MS = 6 * 3_600_000;

/** What pg's client has besides its types. */
interface Connection extends Pick<pg.Client, 'query'> {
  connection: { stream: { destroy(): void } };
  /** Of the server's process behind it. */
  processID: number;
  /** How often the server had been silent when it was made. */
  silences: number;
  /** How long a statement may take on it where that is not the usual time. */
  queryTimeout?: number | undefined;
}

/** PostgreSQL: a pool, named prepared statements, and the server's own group commit. */
export function openPostgres(databaseUrl: string, settings: Config['store']): Store {
  const connection = {
    connectionString: databaseUrl,
    application_name: `gatehouse ${randomBytes(6).toString('hex')}`,
    options: SERVER_KEEP_ALIVE,
    ...limitsOf(settings),
  };
  const lost = openLostConnections(connection);
  const knex = knexFactory({
    client: LimitedClient,
    connection,
    compileSqlOnError: false, // knex's errors hold the statement without its values
    log: SILENT_LOG,
    pool: {
      min: 0,
      max: settings.poolSize,
      acquireTimeoutMillis: settings.waitSeconds * 1000,
      // A server that was silent on one connection has most likely forgotten the others too: each would fail a request more.
      validate: (connection: Connection) => connection.silences === silences,
      afterCreate(connection: Connection & pg.Client, done: (error: Error | null) => void) {
        connection.silences = silences;
        lost.forget(connection.processID);
        connection.on('error', () => lost.add(connection.processID));
        if (settings.durability !== 'full') return done(null);
        connection.query('SET synchronous_commit = on', (error: Error | null) => done(error));
      },
    },
  });
  const statements = new Map<string, PostgresStatement>();
  const prepare = (sql: string): PostgresStatement => {
    let statement = statements.get(sql);
    if (!statement) statements.set(sql, (statement = new PostgresStatement(knex, sql)));
    return statement;
  };
  return {
    dialect: 'postgres',
    knex,
    prepare,
    unit: (steps) => unit(knex, steps),
    transaction: (work) => knex.transaction(work),
    largeTransaction: (work) => knex.transaction(work),
    inLargeTransaction: () => false,
    unhurried: (trx, work) => unhurried(trx, settings.statementSeconds * 1000, work),
    meta: metaOver(prepare),
    listen: () => listenOn(connection),
    ping: async () => void (await knex.raw('SELECT 1')),
    close() {
      lost.close();
      return knex.destroy();
    },
  };
}

type Limits = ReturnType<typeof limitsOf>;

/** What pg and the server are told about time, in milliseconds. */
function limitsOf({ statementSeconds, connectSeconds, idleTransactionSeconds }: Config['store']) {
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
class LimitedClient extends PostgresClient {
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

async function unhurried<T>(trx: Knex.Transaction, usualMs: number, work: () => Promise<T>): Promise<T> {
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

const onConnection = <T>(knex: Knex, work: (connection: Connection) => Promise<T>): Promise<T> =>
  guarded(async () => {
    const pool = poolOf<Connection>(knex);
    const connection = await pool.acquireConnection();
    try {
      return await answering(connection, () => work(connection));
    } finally {
      await pool.releaseConnection(connection);
    }
  });

/** A look that waits for the end of the turn. */
interface Asked {
  values: Value[];
  answer(rows: Value[][]): void;
  fail(error: unknown): void;
}

/** Which of the looks a row answers. */
const PLACE = 'asked_as';

/** A statement that each connection prepares once. */
interface Query {
  name: string;
  text: string;
}

const named = (text: string): Query => ({ name: createHash('sha1').update(text).digest('base64url'), text });

/** A statement for many at once: its parameters come as arrays, one for each. */
function joined(sql: string, types: readonly string[]): string {
  let position = 0;
  const statement = sql.replaceAll('?', () => `asked.p${++position}`);
  const arrays = types.map((type, at) => `$${at + 1}::${type}[]`).join(', ');
  const names = types.map((_, at) => `p${at + 1}`).join(', ');
  return `SELECT found.*, asked.${PLACE} FROM unnest(${arrays}) WITH ORDINALITY AS asked(${names}, ${PLACE})
    CROSS JOIN LATERAL (${statement}) AS found`;
}

class PostgresStatement implements Statement {
  readonly #query: Query;
  #asked: Asked[] = [];
  /** The statement for many at once, by its parameters' types. */
  readonly #joined = new Map<string, Query>();

  constructor(
    readonly knex: Knex,
    readonly sql: string,
  ) {
    let position = 0;
    this.#query = named(sql.replaceAll('?', () => `$${++position}`));
  }

  on(connection: Connection, values: Value[]): Promise<pg.QueryResult<Row>> {
    return connection.query<Row>({ ...this.#query, values });
  }

  async first(...values: Value[]): Promise<Row | undefined> {
    return (await this.all(...values))[0];
  }

  async all(...values: Value[]): Promise<Row[]> {
    return (await onConnection(this.knex, (connection) => this.on(connection, values))).rows;
  }

  together(...values: Value[]): Promise<Value[][]> {
    return new Promise((answer, fail) => {
      if (this.#asked.push({ values, answer, fail }) === 1) atEndOfTurn(() => this.#askTogether());
    });
  }

  /** The looks of a turn go as one query: each a row of parameters, beside which the statement is carried out. */
  #askTogether(): void {
    const asked = this.#asked;
    this.#asked = [];
    const [first] = asked as [Asked, ...Asked[]];
    if (asked.length === 1)
      return void this.#inColumns(this.#query, first.values).then(first.answer, first.fail);
    const columns = first.values.map((_, column) => asked.map(({ values }) => values[column] ?? null));
    const types = columns.map((values) =>
      values.some((value) => typeof value === 'number') ? 'bigint' : 'text',
    );
    const query = this.#joinedFor(types);
    this.#inColumns(query, columns).then(
      (rows) => {
        const answers = asked.map((): Value[][] => []);
        for (const row of rows) answers[Number(row.pop()) - 1]?.push(row);
        asked.forEach(({ answer }, at) => answer(answers[at] as Value[][]));
      },
      (error: unknown) => asked.forEach(({ fail }) => fail(error)),
    );
  }

  async #inColumns(query: Query, values: unknown[]): Promise<Value[][]> {
    const array = { ...query, values, rowMode: 'array' as const };
    return (await onConnection(this.knex, (connection) => connection.query<Value[]>(array))).rows;
  }

  #joinedFor(types: readonly string[]): Query {
    const key = types.join();
    let query = this.#joined.get(key);
    if (!query) {
      this.#joined.set(key, (query = named(joined(this.sql, types))));
    }
    return query;
  }

  async run(...values: Value[]): Promise<number> {
    return (await onConnection(this.knex, (connection) => this.on(connection, values))).rowCount ?? 0;
  }
}

function unit(knex: Knex, steps: Step[]): Promise<boolean> {
  return onConnection(knex, async (connection) => {
    await connection.query('BEGIN');
    try {
      for (const { statement, values, required } of steps) {
        const { rowCount } = await (statement as PostgresStatement).on(connection, values);
        if (required && !rowCount) {
          await connection.query('ROLLBACK');
          return false;
        }
      }
      await connection.query('COMMIT');
      return true;
    } catch (error) {
      await connection.query('ROLLBACK').catch(() => undefined); // the first error is the one to tell
      throw error;
    }
  });
}
