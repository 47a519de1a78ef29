import { currentDocument } from '../gateway/index.js';
import type { TenantDb } from '../store/index.js';
import type { OpenApi } from './types.js';

/**
 * The document of the current revision of an API's first version, or of another version by its `apiId`, as OpenAPI 3; undefined
 * where the API was never published.
 */
export const documentOfApi = (db: TenantDb, apiId: string): Promise<OpenApi | undefined> =>
  currentDocument(db, apiId);
