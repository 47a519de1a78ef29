import { foldName } from '../kernel/names.js';
import type { Knex } from 'knex';

/**
 * Finds people by any part of their names, in any script. Each name is cut into pieces of two and three characters (and one,
 * where the script has many), and each piece, together with the tenant, is hashed to a number: so a look-up costs what
 * its own tenant has, and the databases need no extension for it. What comes out may be a little more than what was sought
 * (numbers can meet, pieces can stand apart), never less: compare once more.
 */
export interface NameIndex {
  /** Takes the place of what was written for the user before; no names take the user out. */
  write(userId: string, names: readonly string[]): Promise<void>;
  /** Writes the names of users who have none here yet. */
  add(users: readonly { userId: string; names: readonly string[] }[]): Promise<void>;
  /** Ids of users who can have `part` in a name, `limit` at the most; undefined for a part that is too short to say. */
  find(part: string, limit: number): Promise<string[] | undefined>;
}

/** Scripts whose single characters are as telling as pieces of other words. */
const MANY_CHARACTERS = /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const MOST_PROBES = 12;
/** Rows of one statement on PostgreSQL: the index makes each dear, and a statement has an end (`store.statementSeconds`). */
const ROWS_AT_ONCE = 200;

function pieces(text: string, sizes: readonly number[]): string[] {
  const characters = [...text];
  return sizes.flatMap((size) =>
    characters
      .slice(0, Math.max(0, characters.length - size + 1))
      .map((_, at) => characters.slice(at, at + size).join(''))
      .filter((piece) => size > 1 || MANY_CHARACTERS.test(piece)),
  );
}

/** FNV-1a, 32 bits: quick, and good enough where a meeting of two costs one comparison. */
function fnv(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/** A piece of a tenant's names as a number of 31 bits. */
const numberOf = (tenantId: string, piece: string): number => fnv(piece, fnv(tenantId, 0x811c9dc5)) >>> 1;

const gramsOf = (tenantId: string, names: readonly string[]): number[] => [
  ...new Set(
    names.flatMap((name) => pieces(foldName(name), [1, 2, 3])).map((piece) => numberOf(tenantId, piece)),
  ),
];

function probesFor(tenantId: string, part: string): number[] {
  const folded = foldName(part);
  const size = Math.min(3, [...folded].length);
  const sought = size === 0 ? [] : pieces(folded, [size]);
  return [...new Set(sought)].slice(0, MOST_PROBES).map((piece) => numberOf(tenantId, piece));
}

const words = (grams: readonly number[]): string[] => grams.map((gram) => gram.toString(36));

/** SQLite: a full-text index without content, by a number that each user is given. */
const onSqlite = (connection: Knex, tenantId: string): NameIndex => ({
  async write(userId, names) {
    // And, by a trigger, what it had in the index.
    await connection('user_search_ids').where({ tenant_id: tenantId, user_id: userId }).delete();
    if (names.length > 0) await this.add([{ userId, names }]);
  },
  async add(users) {
    for (const { userId, names } of users) {
      await connection.raw('INSERT INTO user_search_ids (tenant_id, user_id) VALUES (?, ?)', [
        tenantId,
        userId,
      ]);
      await connection.raw('INSERT INTO user_search (rowid, grams) VALUES (last_insert_rowid(), ?)', [
        words(gramsOf(tenantId, names)).join(' '),
      ]);
    }
  },
  async find(part, limit) {
    const probes = words(probesFor(tenantId, part));
    if (probes.length === 0) return undefined;
    const rows = await connection.raw<{ user_id: string }[]>(
      `SELECT i.user_id FROM user_search CROSS JOIN user_search_ids i ON i.n = user_search.rowid
       WHERE user_search MATCH ? AND i.tenant_id = ? LIMIT ?`,
      [probes.map((probe) => `"${probe}"`).join(' AND '), tenantId, limit],
    );
    return rows.map((row) => row.user_id);
  },
});

/** PostgreSQL: arrays of numbers under GIN, which every server has. */
const onPostgres = (connection: Knex, tenantId: string): NameIndex => ({
  async write(userId, names) {
    await connection('user_search').where({ tenant_id: tenantId, user_id: userId }).delete();
    if (names.length > 0) await this.add([{ userId, names }]);
  },
  async add(users) {
    const rows = users.map(({ userId, names }) => ({
      tenant_id: tenantId,
      user_id: userId,
      grams: gramsOf(tenantId, names),
    }));
    for (let from = 0; from < rows.length; from += ROWS_AT_ONCE)
      await connection('user_search').insert(rows.slice(from, from + ROWS_AT_ONCE));
  },
  async find(part, limit) {
    const probes = probesFor(tenantId, part);
    if (probes.length === 0) return undefined;
    const found = await connection.raw<{ rows: { user_id: string }[] }>(
      'SELECT user_id FROM user_search WHERE tenant_id = ? AND grams @> ?::int[] LIMIT ?',
      [tenantId, probes, limit],
    );
    return found.rows.map((row) => row.user_id);
  },
});

export const isPostgres = (connection: Knex): boolean =>
  (connection.client as Knex.Client).dialect === 'postgresql';

export const nameIndexOn = (connection: Knex, tenantId: string): NameIndex =>
  (isPostgres(connection) ? onPostgres : onSqlite)(connection, tenantId);
