import { Invalid } from '../kernel/errors.js';
import { parse } from '../kernel/json.js';
import type { Row, TenantDb } from '../store/index.js';

/** A chain is kept with each user, so that it costs a reader nothing; so it has an end. */
const LONGEST = 200;

/**
 * The chain of a user whom this referee brought: the referee's own, and the referee.
 * @param userId whose chain it is going to be, where the user is there already.
 * @throws Invalid where nobody is there, or the chain would close or have no end
 */
export async function lineageUnder(
  db: TenantDb,
  refereeId: string | null,
  userId?: string,
): Promise<string[]> {
  if (refereeId === null) return [];
  const referee = await db
    .from('users')
    .whereNull('deleted_at')
    .where({ id: refereeId })
    .first<Row | undefined>('lineage');
  if (!referee) throw new Invalid('refereeId', `there is no user "${refereeId}" in this tenant`);
  const lineage = [...parse<string[]>(referee['lineage']), refereeId];
  if (userId !== undefined && lineage.includes(userId))
    throw new Invalid('refereeId', 'the referee was referred by this user; choose another referee');
  if (lineage.length > LONGEST) throw new Invalid('refereeId', `a chain has ${LONGEST} referees at the most`);
  return lineage;
}

/** So many chains are written by one statement, and so many users are asked about. */
const PIECE = 100;

/** Writes the chains of all whom a user has brought, and whom they have brought, anew. */
export async function followLineage(db: TenantDb, userId: string, lineage: readonly string[]): Promise<void> {
  const parents = [{ id: userId, lineage }];
  for (let parent = parents.pop(); parent; parent = parents.pop()) {
    const theirs = [...parent.lineage, parent.id];
    const children = await db.from('users').where({ referee_id: parent.id }).select<Row[]>('id');
    const ids = children.map((row) => row['id'] as string);
    for (let at = 0; at < ids.length; at += PIECE) {
      const some = ids.slice(at, at + PIECE);
      await db.among(db.from('users'), 'id', some).update({ lineage: JSON.stringify(theirs) });
      for (const id of await thoseWhoBrought(db, some)) parents.push({ id, lineage: theirs });
    }
  }
}

/** Those of these users who have brought others. */
async function thoseWhoBrought(db: TenantDb, ids: readonly string[]): Promise<string[]> {
  const rows = await db.among(db.from('users'), 'referee_id', ids).distinct().select<Row[]>('referee_id');
  return rows.map((row) => row['referee_id'] as string);
}
