import { createHash } from 'node:crypto';
import knexFactory, { type Knex } from 'knex';
import pg from 'pg';
import { metaOver, poolOf, type Row, type Statement, type Step, type Store, type Value } from './store.js';

const BIGINT = 20;
// Counts and epoch milliseconds stay below 2^53, so they can be numbers as on SQLite.
pg.types.setTypeParser(BIGINT, Number);

type Connection = Pick<pg.Client, 'query'>;

/** PostgreSQL: a pool, named prepared statements, and the server's own group commit. */
export function openPostgres(databaseUrl: string, durability: 'normal' | 'full', poolSize: number): Store {
  const knex = knexFactory({
    client: 'pg',
    connection: { connectionString: databaseUrl, application_name: 'gatehouse' },
    pool: {
      min: 0,
      max: poolSize,
      afterCreate(connection: pg.Client, done: (error: Error | null) => void) {
        if (durability !== 'full') return done(null);
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
    meta: metaOver(prepare),
    ping: async () => void (await knex.raw('SELECT 1')),
    close: () => knex.destroy(),
  };
}

async function onConnection<T>(knex: Knex, work: (connection: Connection) => Promise<T>): Promise<T> {
  const pool = poolOf<Connection>(knex);
  const connection = await pool.acquireConnection();
  try {
    return await work(connection);
  } finally {
    await pool.releaseConnection(connection);
  }
}

class PostgresStatement implements Statement {
  readonly #text: string;
  readonly #name: string;

  constructor(
    readonly knex: Knex,
    sql: string,
  ) {
    let position = 0;
    this.#text = sql.replaceAll('?', () => `$${++position}`);
    this.#name = createHash('sha1').update(this.#text).digest('base64url');
  }

  on(connection: Connection, values: Value[]): Promise<pg.QueryResult<Row>> {
    return connection.query<Row>({ name: this.#name, text: this.#text, values });
  }

  async first(...values: Value[]): Promise<Row | undefined> {
    return (await this.all(...values))[0];
  }

  async all(...values: Value[]): Promise<Row[]> {
    return (await onConnection(this.knex, (connection) => this.on(connection, values))).rows;
  }

  together(...values: Value[]): Promise<Row[]> {
    return this.all(...values);
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
