import { randomBytes } from 'node:crypto';
import knexFactory from 'knex';
import pg from 'pg';
import type { Config } from '../config.js';
import { openLostConnections } from './lost-connections.js';
import {
  isFresh,
  LimitedClient,
  limitsOf,
  markConnection,
  unhurried,
  type Connection,
} from './postgres-connections.js';
import { listenOn } from './postgres-listener.js';
import { PostgresStatement, unit } from './postgres-statements.js';
import { metaOver, SILENT_LOG, type Store } from './store.js';

const BIGINT = 20;
// Counts and epoch milliseconds stay below 2^53, so they can be numbers as on SQLite.
pg.types.setTypeParser(BIGINT, Number);

/** The server ends the connections of a machine that is gone within 20 seconds. */
const SERVER_KEEP_ALIVE = '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2';

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
      validate: isFresh,
      afterCreate(connection: Connection & pg.Client, done: (error: Error | null) => void) {
        markConnection(connection);
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
