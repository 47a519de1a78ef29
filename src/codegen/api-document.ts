import { currentDocument } from '../gateway/index.js';
import type { TenantDb } from '../store/index.js';
import type { SourceDocument } from './source.js';

/**
 * The document of the current revision of an API's first version, or of another version by its `apiId`; undefined where the API was
 * never published.
 */
export async function documentOfApi(db: TenantDb, apiId: string): Promise<SourceDocument | undefined> {
  const found = await currentDocument(db, apiId);
  return found && { openapi: found.openapi, origin: { field: 'document', text: found.text } };
}
