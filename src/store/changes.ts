import type { Knex } from 'knex';
import { isPostgres } from './name-index.js';
import type { Store } from './store.js';

/** PostgreSQL's channel on which processes tell each other that they have changed something. */
export const CHANNEL = 'gatehouse_changes';

/**
 * Says, when the transaction commits, that something has changed of which other processes keep a copy. SQLite needs no word:
 * it says itself that another process has committed.
 */
export async function announceChange(connection: Knex): Promise<void> {
  if (isPostgres(connection)) await connection.raw(`NOTIFY ${CHANNEL}`);
}

/** SQL for the store's time in epoch milliseconds: one clock for all nodes, where their own may differ. */
export const storeTime = (dialect: Store['dialect']): string =>
  dialect === 'postgres'
    ? '(extract(epoch from statement_timestamp()) * 1000)::bigint'
    : "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/** The same as a part of a query. */
export const storeTimeOf = (connection: Knex): Knex.Raw =>
  connection.raw(storeTime(isPostgres(connection) ? 'postgres' : 'sqlite'));
