import { BASIC, Failure, type CallTenant, type Code } from '../../api/index.js';
import { DocumentRefused, type DocumentProblem, type PreparedDocument } from '../types.js';
import { packDocument, type PackedDocument } from './documents.js';
import { refusal, refused } from './problems.js';
import type { CatalogueBase } from './types.js';

/** What is done with a document before the transaction: it is fetched, read in a worker, and packed. */

const LARGEST_DOCUMENT = 16 * 1024 * 1024;

/** A document in JSON text, where each quote and line break is two characters, may need twice its size. */
export const DOCUMENT_LIMITS = { bytes: 2 * LARGEST_DOCUMENT + 1024 * 1024, levels: 512 } as const;

/** The fields of a body that say where a document comes from; an object, text, or nothing. */
export interface Source {
  document?: unknown;
  swaggerUrl?: string | null | undefined;
}

/** What reads a document, and says where its parts stand. */
export type SourceBase = Pick<CatalogueBase, 'prepare' | 'locate' | 'inPlace' | 'fetchDocument'>;

const isGiven = (value: unknown): boolean => value != null && value !== '';

export const givesDocument = ({ document, swaggerUrl }: Source): boolean =>
  isGiven(document) || isGiven(swaggerUrl);

/** The field that a document came in, for what is said of it. */
export const sourceField = ({ swaggerUrl }: Source): 'document' | 'swaggerUrl' =>
  isGiven(swaggerUrl) ? 'swaggerUrl' : 'document';

const tooLarge = (): Failure =>
  new Failure(413, BASIC.payloadTooLarge, { message: `a document may have ${LARGEST_DOCUMENT} bytes` });

/**
 * The document that a body gives, packed; undefined where it gives none.
 * @param code of the failure where the document cannot be published.
 * @throws Failure: 413, 422
 */
export const documentIn = (
  base: SourceBase,
  tenant: CallTenant,
  source: Source,
  code: Code,
): Promise<PackedDocument | undefined> => withDocument(base, tenant, source, code, packDocument);

/**
 * Fetches and checks the document that a body gives, and works on it while the tenant's place for it is taken; undefined where the
 * body gives none.
 * @param code of the failure where the document cannot be read.
 * @throws Failure: 413, 422
 */
export async function withDocument<T>(
  base: SourceBase,
  tenant: CallTenant,
  source: Source,
  code: Code,
  work: (prepared: PreparedDocument) => Promise<T>,
): Promise<T | undefined> {
  if (!givesDocument(source)) return undefined;
  if (isGiven(source.document) && isGiven(source.swaggerUrl))
    throw refused('document', 'oneOf', 'send either document or swaggerUrl, not both', code);
  try {
    return await base.inPlace(tenant.id, async () => {
      const prepared = await prepareSource(base, tenant, source, code);
      if (Buffer.byteLength(prepared.source) > LARGEST_DOCUMENT) throw tooLarge();
      return work(prepared);
    });
  } catch (error) {
    if (!(error instanceof DocumentRefused)) throw error;
    const problems = error.problems.map((problem) => atSource(problem, source));
    if (problems.some(({ field, rule }) => field === 'document' && rule === 'tooLarge')) throw tooLarge();
    throw refusal(problems, code);
  }
}

async function prepareSource(
  base: SourceBase,
  tenant: CallTenant,
  { document, swaggerUrl }: Source,
  code: Code,
): Promise<PreparedDocument> {
  if (isGiven(swaggerUrl)) {
    const text = await base.fetchDocument(checkedAddress(swaggerUrl as string, code), tenant);
    return base.prepare({ text });
  }
  if (typeof document !== 'string') return base.prepare({ value: document });
  if (Buffer.byteLength(document) > LARGEST_DOCUMENT) throw tooLarge();
  return base.prepare({ text: document });
}

/** A password in an address would be stored, and shown by PublishConfiguration. */
function checkedAddress(address: string, code: Code): string {
  const url = URL.parse(address);
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '')
    throw refused('swaggerUrl', 'format', 'must be an http(s) address without a user', code);
  return address;
}

/** A problem of a fetched document is one of the address that the caller has sent. */
const atSource = (problem: DocumentProblem, source: Source): DocumentProblem =>
  problem.field === 'document' ? { ...problem, field: sourceField(source) } : problem;
