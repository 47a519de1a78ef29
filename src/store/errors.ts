import knexFactory, { type Knex } from 'knex';

/** What PostgreSQL's driver adds to an error; some of it holds values of the statement. */
interface DriverError extends Error {
  code?: string;
  severity?: string;
  constraint?: string;
  detail?: unknown;
  hint?: unknown;
  where?: unknown;
  internalQuery?: unknown;
}

const TELLING = ['detail', 'hint', 'where', 'internalQuery'] as const;
/** PostgreSQL's class of errors whose message quotes the value (Data Exception), and those that quote the statement. */
const QUOTES_VALUES = /^(?:22|42601)/;

const isFrame = (line: string): boolean => /^\s+at /.test(line);

/**
 * A driver's error without the values of the statement, which would come into logs with it: `Key (email)=(…)`, `invalid input
 * syntax for type bigint: "…"`. Its code and its constraint stay.
 */
export function withoutValues(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const driver = error as DriverError;
  for (const name of TELLING) delete driver[name];
  const frames = (error.stack ?? '').split('\n').filter(isFrame);
  if (driver.severity !== undefined && QUOTES_VALUES.test(driver.code ?? ''))
    error.message = `a value or the statement is not as it must be (${driver.code})`;
  error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
  return error;
}

/** Runs a statement past knex; its error holds no values. */
export function cleanly<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw withoutValues(error);
  }
}

/** Runs a statement past knex that answers later; its error holds no values. */
export const cleanlyLater = <T>(run: Promise<T>): Promise<T> =>
  run.catch((error: unknown) => {
    throw withoutValues(error);
  });

type Client = new (config: Knex.Config) => Knex.Client & {
  _query(connection: unknown, query: unknown): Promise<unknown>;
};

/**
 * A knex whose errors hold no values of statements: neither the driver's, nor knex's own, which writes the statement before
 * them with its parameters as `?`.
 */
export function cautiousKnex(config: Knex.Config & { client: 'pg' | 'better-sqlite3' }): Knex {
  const plain = knexFactory({ client: config.client, useNullAsDefault: true });
  const Plain = (plain.client as { constructor: Client }).constructor;
  class Cautious extends Plain {
    override _query(connection: unknown, query: unknown): Promise<unknown> {
      return cleanlyLater(super._query(connection, query));
    }
  }
  const knex = knexFactory({
    ...config,
    client: Cautious as unknown as typeof Knex.Client,
    compileSqlOnError: false,
  });
  (knex.client as { config: Knex.Config }).config.client = config.client; // by its name, as others ask for it
  return knex;
}
