/** knex's own clients, which it exports without types. */
declare module 'knex/lib/dialects/*' {
  import type { Knex } from 'knex';

  /** Runs a query, on its own connection or on one of the pool. */
  export interface Runner {
    connection?: unknown;
  }

  export default class Client extends Knex.Client {
    transacting?: boolean;
    acquireConnection(): Promise<unknown>;
    runner(builder: object): Runner;
    protected _query(connection: unknown, query: { sql: string; options?: object }): Promise<unknown>;
    /** Of the SQLite client: values as the driver takes them. */
    protected _formatBindings(bindings: readonly unknown[] | undefined): unknown[];
  }
}
