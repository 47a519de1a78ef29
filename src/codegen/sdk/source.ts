import { Failure, type CallTenant } from '../../api/index.js';
import { DocumentRefused, refusal, type CatalogueBase } from '../../gateway/index.js';
import { parse } from '../../kernel/json.js';
import { tenantDb, type Store } from '../../store/index.js';
import { documentOfApi } from '../api-document.js';
import { CODEGEN_CODES } from '../codes.js';
import type { SourceDocument } from '../source.js';
import type { OpenApi } from '../types.js';

/** Where the document of a release comes from. */

export type DocumentServices = Pick<CatalogueBase, 'prepare' | 'locate' | 'inPlace' | 'fetchDocument'>;

const failed = (message: string): Failure => new Failure(422, CODEGEN_CODES.documentFailed, { message });

/** The document at an address. @throws Failure 422 200001 */
async function documentAt(
  services: DocumentServices,
  tenant: CallTenant,
  address: string,
): Promise<SourceDocument> {
  try {
    return await services.inPlace(tenant.id, async () => {
      const { openapi, source } = await services.prepare({
        text: await services.fetchDocument(address, tenant),
      });
      return {
        openapi: parse<OpenApi>(openapi ?? source),
        origin: { field: 'swaggerUrl' as const, text: () => Promise.resolve(source) },
      };
    });
  } catch (error) {
    if (!(error instanceof DocumentRefused)) throw error;
    const problems = error.problems.map((problem) => ({ ...problem, field: 'swaggerUrl' }));
    throw refusal(problems, CODEGEN_CODES.documentFailed);
  }
}

/** @param address of the document; the current revision of the API where it is undefined. @throws Failure 422 200001 */
export async function documentFor(
  base: { store: Store; documents: DocumentServices },
  tenant: CallTenant,
  apiId: string,
  address: string | undefined,
): Promise<SourceDocument> {
  if (address !== undefined) return documentAt(base.documents, tenant, address);
  const document = await documentOfApi(tenantDb(base.store.knex, tenant.id), apiId);
  if (!document)
    throw failed('the API has no document: send swaggerUrl, set it in CommonOptions, or publish the API');
  return document;
}
