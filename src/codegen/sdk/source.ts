import { setTimeout } from 'node:timers/promises';
import { Failure, type CallTenant } from '../../api/index.js';
import { DocumentRefused, refusal, type CatalogueBase } from '../../gateway/index.js';
import type { RunningJob } from '../../jobs/index.js';
import { Busy } from '../../kernel/errors.js';
import { parse } from '../../kernel/json.js';
import { tenantDb, type Store } from '../../store/index.js';
import { documentOfApi } from '../api-document.js';
import { CODEGEN_CODES } from '../codes.js';
import type { SourceDocument } from '../source.js';
import type { OpenApi } from '../types.js';

/** Where the document of a job comes from. */

export type DocumentServices = Pick<CatalogueBase, 'prepare' | 'locate' | 'fetchDocument'>;

const failed = (message: string): Failure => new Failure(422, CODEGEN_CODES.documentFailed, { message });

const RETRY_MS = 1000;

/** Does work once there is room for it: a job waits, where a call is answered 503. @throws the signal's reason */
async function whenFree<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Busy)) throw error;
      await setTimeout(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/**
 * The document at an address. A node runs so few jobs that they need none of the places for documents that a tenant's calls have.
 * @throws Failure 422 200001
 */
async function documentAt(
  services: DocumentServices,
  tenant: CallTenant,
  address: string,
  signal: AbortSignal,
): Promise<SourceDocument> {
  try {
    const text = await services.fetchDocument(address, tenant);
    const { openapi, source } = await whenFree(signal, () => services.prepare({ text }));
    return {
      openapi: parse<OpenApi>(openapi ?? source),
      origin: { field: 'swaggerUrl', text: () => Promise.resolve(source) },
    };
  } catch (error) {
    if (!(error instanceof DocumentRefused)) throw error;
    const problems = error.problems.map((problem) => ({ ...problem, field: 'swaggerUrl' }));
    throw refusal(problems, CODEGEN_CODES.documentFailed);
  }
}

/**
 * @param job that the document is for
 * @param address of the document; the current revision of the API where it is undefined.
 * @throws Failure 422 200001
 */
export async function documentFor(
  base: { store: Store; documents: DocumentServices },
  tenant: CallTenant,
  { apiId, signal }: Pick<RunningJob<unknown>, 'apiId' | 'signal'>,
  address: string | undefined,
): Promise<SourceDocument> {
  if (address !== undefined) return documentAt(base.documents, tenant, address, signal);
  const document = await documentOfApi(tenantDb(base.store.knex, tenant.id), apiId);
  if (!document)
    throw failed('the API has no document: send swaggerUrl, set it in CommonOptions, or publish the API');
  return document;
}
