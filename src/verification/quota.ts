import type { TenantDb } from '../store/index.js';

/**
 * Counts one more of what `id` names in a window that the first one begins, `quota` at the most. Call it in a transaction.
 * @returns the seconds until the window ends where there are as many already, and undefined where it was counted.
 */
export async function secondsUntilFree(
  db: TenantDb,
  id: string,
  quota: number,
  windowMs: number,
): Promise<number | undefined> {
  if (await db.count(id, quota, windowMs)) return undefined;
  const row = await db
    .from('rate_counts')
    .where({ id })
    .first<{ expires_at: number | string } | undefined>('expires_at');
  const left = Math.min(windowMs, Number(row?.expires_at ?? 0) - Date.now());
  return Math.max(1, Math.ceil(left / 1000));
}
