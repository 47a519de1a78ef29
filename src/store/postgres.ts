import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import pg from 'pg';
import { cautiousKnex, cleanlyLater } from './errors.js';
import { metaOver, poolOf, type Row, type Statement, type Step, type Store, type Value } from './store.js';

const BIGINT = 20;
// Counts and epoch milliseconds stay below 2^53, so they can be numbers as on SQLite.
pg.types.setTypeParser(BIGINT, Number);

type Connection = Pick<pg.Client, 'query'>;

/** PostgreSQL: a pool, named prepared statements, and the server's own group commit. */
export function openPostgres(databaseUrl: string, durability: 'normal' | 'full', poolSize: number): Store {
  const knex = cautiousKnex({
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
    return await cleanlyLater(work(connection));
  } finally {
    await pool.releaseConnection(connection);
  }
}

/** A look that waits for the end of the turn. */
interface Asked {
  values: Value[];
  answer(rows: Row[]): void;
  fail(error: unknown): void;
}

/** Which of the looks a row answers. */
const PLACE = 'asked_as';

const nameOf = (text: string): string => createHash('sha1').update(text).digest('base64url');

/** A statement for many at once: its parameters come as arrays, one for each. */
function joined(sql: string, types: readonly string[]): string {
  let position = 0;
  const statement = sql.replaceAll('?', () => `asked.p${++position}`);
  const arrays = types.map((type, at) => `$${at + 1}::${type}[]`).join(', ');
  const names = types.map((_, at) => `p${at + 1}`).join(', ');
  return `SELECT asked.${PLACE}, found.* FROM unnest(${arrays}) WITH ORDINALITY AS asked(${names}, ${PLACE})
    CROSS JOIN LATERAL (${statement}) AS found`;
}

class PostgresStatement implements Statement {
  readonly #text: string;
  readonly #name: string;
  #asked: Asked[] = [];
  /** The statement for many at once, by its parameters' types. */
  readonly #joined = new Map<string, { name: string; text: string }>();

  constructor(
    readonly knex: Knex,
    readonly sql: string,
  ) {
    let position = 0;
    this.#text = sql.replaceAll('?', () => `$${++position}`);
    this.#name = nameOf(this.#text);
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
    return new Promise((answer, fail) => {
      if (this.#asked.push({ values, answer, fail }) === 1) setImmediate(() => this.#askTogether());
    });
  }

  /** The looks of a turn go as one query: each a row of parameters, beside which the statement is carried out. */
  #askTogether(): void {
    const asked = this.#asked;
    this.#asked = [];
    const [first] = asked as [Asked, ...Asked[]];
    if (asked.length === 1) return void this.all(...first.values).then(first.answer, first.fail);
    const columns = first.values.map((_, column) => asked.map(({ values }) => values[column] ?? null));
    const types = columns.map((values) =>
      values.some((value) => typeof value === 'number') ? 'bigint' : 'text',
    );
    const query = this.#joinedFor(types);
    onConnection(this.knex, (connection) => connection.query<Row>({ ...query, values: columns })).then(
      ({ rows }) => {
        const answers = asked.map((): Row[] => []);
        for (const { [PLACE]: place, ...row } of rows) answers[Number(place) - 1]?.push(row);
        asked.forEach(({ answer }, at) => answer(answers[at] as Row[]));
      },
      (error: unknown) => asked.forEach(({ fail }) => fail(error)),
    );
  }

  #joinedFor(types: readonly string[]): { name: string; text: string } {
    const key = types.join();
    let query = this.#joined.get(key);
    if (!query) {
      const text = joined(this.sql, types);
      this.#joined.set(key, (query = { name: nameOf(text), text }));
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
