import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type pg from 'pg';
import { atEndOfTurn } from '../kernel/turn-phases.js';
import { onConnection, type Connection } from './postgres-connections.js';
import type { Row, Statement, Step, Value } from './store.js';

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

/** A statement of a pool, which each connection prepares once. */
export class PostgresStatement implements Statement {
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

/** Runs steps in one transaction; see Store.unit. */
export function unit(knex: Knex, steps: Step[]): Promise<boolean> {
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
