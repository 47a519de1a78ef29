/** knex's own clients, which it exports without types. */
declare module 'knex/lib/dialects/*' {
  import type { Knex } from 'knex';

  export default class Client extends Knex.Client {
    transacting?: boolean;
    acquireConnection(): Promise<unknown>;
    protected _query(connection: unknown, query: { sql: string; options?: object }): Promise<unknown>;
    /** Of the SQLite client: values as the driver takes them. */
    protected _formatBindings(bindings: readonly unknown[] | undefined): unknown[];
  }
}
