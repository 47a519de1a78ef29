import type Database from 'better-sqlite3';

/** Connections of this thread; see keepStatements. */
const connections = new Set<Database.Database>();

/**
 * Prepares each statement of a connection once and keeps it. That is faster, because knex runs the same few again and
 * again. And from Node 24.19 on, better-sqlite3 12 aborts the process when the collector meets one of its objects
 * while no script is running (Node's ObjectWrap wants an environment then). So no such object may become garbage: not a
 * statement, and not a connection, of which there are three. better-sqlite3 13 is free of this, and of Node 20.
 */
export function keepStatements(connection: Database.Database): void {
  const prepare = connection.prepare.bind(connection) as (sql: string) => Database.Statement;
  const kept = new Map<string, Database.Statement>();
  connection.prepare = ((sql: string) => {
    let statement = kept.get(sql);
    if (!statement) kept.set(sql, (statement = prepare(sql)));
    return statement;
  }) as typeof connection.prepare;
  connections.add(connection);
}
