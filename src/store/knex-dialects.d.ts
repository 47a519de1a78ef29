/** knex's own clients, which it exports without types. */
declare module 'knex/lib/dialects/*' {
  import type { Knex } from 'knex';

  export default class Client extends Knex.Client {
    transacting?: boolean;
    acquireConnection(): Promise<unknown>;
    protected _query(connection: unknown, query: { sql: string; options?: object }): Promise<unknown>;
  }
}
