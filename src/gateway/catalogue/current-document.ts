import type { TenantDb } from '../../store/index.js';
import { openapiOf } from './documents.js';
import { findRevision } from './revision-store.js';
import { findVersion } from './version-store.js';

/** The document of the current revision of a version, as OpenAPI 3; undefined where there is no such version. */
export async function currentDocument(
  db: TenantDb,
  versionId: string,
): Promise<Record<string, unknown> | undefined> {
  const version = await findVersion(db, versionId);
  const revision = version && (await findRevision(db, version.currentRevisionId));
  return revision && openapiOf(db, revision.documentId);
}
