import type { CallTenant } from '../api/index.js';
import { withDocument, type PreparedDocument, type Source, type SourceBase } from '../gateway/index.js';
import { parse } from '../kernel/json.js';
import { CODEGEN_CODES as CODES } from './codes.js';
import type { OpenApi } from './types.js';
import { documentMissing } from './failures.js';
import type { Origin } from './origin.js';

/** A document that code can be made of. */
export interface SourceDocument {
  /** OpenAPI 3; Swagger 2 is converted. It may be changed by its reader. */
  openapi: OpenApi;
  origin: Origin;
}

/**
 * Reads the document that a body gives as `document` or `swaggerUrl`. Addresses are fetched within the tenant's reach; the document
 * is checked in the gateway's thread, with its limits of size, time and memory.
 * @param source with neither of them it is refused as well.
 * @throws Failure: 413; 422 with code 200001 and the problems, each with its line where the document has lines
 */
export async function readDocument(
  base: SourceBase,
  tenant: CallTenant,
  source: Source,
): Promise<SourceDocument> {
  const work = async (prepared: PreparedDocument): Promise<SourceDocument> => ({
    openapi: openApiOf(prepared),
    origin: originOf(prepared, source),
  });
  const read = await withDocument(base, tenant, source, CODES.documentFailed, work);
  if (!read) throw documentMissing();
  return read;
}

const originOf = ({ source: text }: PreparedDocument, { swaggerUrl, document }: Source): Origin => ({
  field: swaggerUrl ? 'swaggerUrl' : 'document',
  text: () => Promise.resolve(swaggerUrl || typeof document === 'string' ? text : undefined),
});

/** The OpenAPI 3 object of a document that the gateway has checked. */
export const openApiOf = ({ openapi, source }: Pick<PreparedDocument, 'openapi' | 'source'>): OpenApi =>
  parse<OpenApi>(openapi ?? source);
