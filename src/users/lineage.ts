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
    throw new Invalid('refereeId', 'a user can not be brought by somebody whom he has brought');
  if (lineage.length > LONGEST) throw new Invalid('refereeId', `a chain has ${LONGEST} referees at the most`);
  return lineage;
}

/** Writes the chains of all whom a user has brought, and whom they have brought, anew. */
export async function followLineage(db: TenantDb, userId: string, lineage: readonly string[]): Promise<void> {
  const brought = await db.from('users').where({ referee_id: userId }).select<Row[]>('id');
  const theirs = [...lineage, userId];
  for (const row of brought) {
    const id = row['id'] as string;
    await db
      .from('users')
      .where({ id })
      .update({ lineage: JSON.stringify(theirs) });
    await followLineage(db, id, theirs);
  }
}
