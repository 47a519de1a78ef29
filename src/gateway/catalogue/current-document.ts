import type { TenantDb } from '../../store/index.js';
import { openapiOf, sourceOf } from './documents.js';
import { findRevision } from './revision-store.js';
import { findVersion } from './version-store.js';

/** A document that was published. */
export interface PublishedDocument {
  /** As OpenAPI 3. */
  openapi: Record<string, unknown>;
  /** As it was sent; undefined where its revision was deleted meanwhile. */
  text(): Promise<string | undefined>;
}

/** The document of the current revision of a version; undefined where there is no such version. */
export async function currentDocument(
  db: TenantDb,
  versionId: string,
): Promise<PublishedDocument | undefined> {
  const version = await findVersion(db, versionId);
  const revision = version && (await findRevision(db, version.currentRevisionId));
  const openapi = revision && (await openapiOf(db, revision.documentId));
  return (
    openapi && {
      openapi,
      text: async () => (await sourceOf(db, revision.documentId))?.source.toString(),
    }
  );
}
