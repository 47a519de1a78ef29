import type Database from 'better-sqlite3';

/**
 * Whether a statement would roll back a transaction that is no longer there. SQLite itself ends a transaction in which the
 * disk gets full or the file cannot be read or written; to roll it back once more is an error, which would take the place of
 * the first one.
 */
export const undoesNothing = ({ inTransaction }: Database.Database, sql: string): boolean =>
  !inTransaction && /^ROLLBACK\b/i.test(sql);

export const NOTHING_UNDONE: Database.RunResult = { changes: 0, lastInsertRowid: 0 };
