import { parse } from '../../kernel/json.js';
import type { Row, TenantDb } from '../../store/index.js';
import type { DocumentType, Policy } from '../types.js';
import type { Revision } from './types.js';

const toRevision = (row: Row): Revision => ({
  id: row['id'] as string,
  versionId: row['version_id'] as string,
  number: row['number'] as number,
  online: Boolean(row['online']),
  wasCurrent: Boolean(row['was_current']),
  description: row['description'] as string | null,
  serviceUrl: row['service_url'] as string,
  documentId: row['document_id'] as string,
  documentType: row['document_type'] as DocumentType,
  operationCount: row['operation_count'] as number,
  policy: row['policy'] === null ? null : parse<Policy>(row['policy']),
  author: row['author'] as string,
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

export async function findRevision(db: TenantDb, id: string): Promise<Revision | undefined> {
  const row = (await db.from('api_revisions').where({ id }).first()) as Row | undefined;
  return row && toRevision(row);
}

/** The revision with this number of a version. */
export async function findRevisionByNumber(
  db: TenantDb,
  versionId: string,
  number: number,
): Promise<Revision | undefined> {
  const row = (await db.from('api_revisions').where({ version_id: versionId, number }).first()) as
    Row | undefined;
  return row && toRevision(row);
}

/** The revisions of these versions, by the version's id, each list newest first. */
export async function revisionsOf(
  db: TenantDb,
  versionIds: readonly string[],
): Promise<Map<string, Revision[]>> {
  const found = new Map<string, Revision[]>(versionIds.map((id) => [id, []]));
  const rows = (await db
    .among(db.from('api_revisions'), 'version_id', versionIds)
    .orderBy('number', 'desc')) as Row[];
  for (const row of rows) found.get(row['version_id'] as string)?.push(toRevision(row));
  return found;
}

/** How many revisions an API has, in all of its versions. */
export async function countRevisions(db: TenantDb, apiResourceId: string): Promise<number> {
  const versions = db.from('api_versions').where({ api_resource_id: apiResourceId }).select('id');
  const { n } = (await db
    .from('api_revisions')
    .whereIn('version_id', versions)
    .count({ n: '*' })
    .first()) as { n: number | string };
  return Number(n);
}

export type NewRevision = Omit<Revision, 'createdAt' | 'updatedAt'>;

const columnsOf = (revision: NewRevision): Record<string, unknown> => ({
  online: revision.online,
  was_current: revision.wasCurrent,
  description: revision.description,
  service_url: revision.serviceUrl,
  document_id: revision.documentId,
  document_type: revision.documentType,
  operation_count: revision.operationCount,
  policy: revision.policy && JSON.stringify(revision.policy),
});

export async function insertRevision(db: TenantDb, revision: NewRevision): Promise<Revision> {
  const now = Date.now();
  const { id, versionId, number, author } = revision;
  const own = { id, version_id: versionId, number, author, created_at: now, updated_at: now };
  await db.insert('api_revisions', { ...own, ...columnsOf(revision) });
  return { ...revision, createdAt: now, updatedAt: now };
}

/** Writes a revision as it is now. Hold its API by `lockApiResource`. */
export async function updateRevision(db: TenantDb, revision: Revision): Promise<Revision> {
  const updatedAt = Date.now();
  await db
    .from('api_revisions')
    .where({ id: revision.id })
    .update({ ...columnsOf(revision), updated_at: updatedAt });
  return { ...revision, updatedAt };
}

export const deleteRevision = async (db: TenantDb, id: string): Promise<void> =>
  void (await db.from('api_revisions').where({ id }).delete());
