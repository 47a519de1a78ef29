import { newId } from '../../kernel/ids.js';
import type { Row, TenantDb } from '../../store/index.js';
import type { Release } from './types.js';

export const toRelease = (row: Row): Release => ({
  id: row['id'] as string,
  apiResourceId: row['api_resource_id'] as string,
  versionId: row['version_id'] as string,
  revisionId: row['revision_id'] as string,
  notes: row['notes'] as string,
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

export async function insertRelease(
  db: TenantDb,
  release: Omit<Release, 'id' | 'createdAt' | 'updatedAt'>,
): Promise<Release> {
  const [id, now] = [newId(), Date.now()];
  await db.insert('api_releases', {
    id,
    api_resource_id: release.apiResourceId,
    version_id: release.versionId,
    revision_id: release.revisionId,
    notes: release.notes,
    created_at: now,
    updated_at: now,
  });
  return { ...release, id, createdAt: now, updatedAt: now };
}

export const releasesOf = (db: TenantDb, apiResourceId: string) =>
  db.from('api_releases').where({ api_resource_id: apiResourceId });

export async function findRelease(
  db: TenantDb,
  apiResourceId: string,
  id: string,
): Promise<Release | undefined> {
  const row = (await releasesOf(db, apiResourceId).where({ id }).first()) as Row | undefined;
  return row && toRelease(row);
}

export async function updateRelease(db: TenantDb, release: Release, notes: string): Promise<Release> {
  const updatedAt = Date.now();
  await db.from('api_releases').where({ id: release.id }).update({ notes, updated_at: updatedAt });
  return { ...release, notes, updatedAt };
}

export const deleteRelease = async (db: TenantDb, id: string): Promise<void> =>
  void (await db.from('api_releases').where({ id }).delete());
