import { newId } from '../../kernel/ids.js';
import { parse } from '../../kernel/json.js';
import { packed, unpacked } from '../../kernel/packed-text.js';
import type { Row, Store, TenantDb } from '../../store/index.js';
import type { CompiledDocument, PreparedDocument } from '../types.js';
import type { Revision } from './types.js';

/** A document that is ready to be stored; packing it takes long, so it is done before the transaction. */
export interface PackedDocument {
  compiled: CompiledDocument;
  columns: Readonly<Record<string, string | null>>;
}

export async function packDocument({
  compiled,
  source,
  sourceFormat,
  openapi,
}: PreparedDocument): Promise<PackedDocument> {
  return {
    compiled,
    columns: {
      type: compiled.type,
      source: await packed(source),
      source_format: sourceFormat,
      openapi: openapi === undefined ? null : await packed(openapi),
      first_segments: JSON.stringify(compiled.firstSegments),
      compiled: await packed(JSON.stringify(compiled)),
    },
  };
}

/** What a revision says of its document. */
export type DocumentOfRevision = Pick<Revision, 'documentId' | 'documentType' | 'operationCount'>;

/** Stores a document for a revision. It is deleted with the last revision that refers to it (migration 40). */
export async function insertDocument(
  db: TenantDb,
  { compiled, columns }: PackedDocument,
): Promise<DocumentOfRevision> {
  const id = newId();
  const now = Date.now();
  await db.insert('api_documents', { id, ...columns, created_at: now, updated_at: now });
  return { documentId: id, documentType: compiled.type, operationCount: compiled.operations.length };
}

/** Literal first segments of a document's paths, which no version may be named like. */
export async function firstSegmentsOf(db: TenantDb, documentId: string): Promise<string[]> {
  const row = await db
    .from('api_documents')
    .where({ id: documentId })
    .first<Row | undefined>('first_segments');
  return row ? parse<string[]>(row['first_segments']) : [];
}

export async function compiledDocument(db: TenantDb, documentId: string): Promise<CompiledDocument> {
  const row = await db.from('api_documents').where({ id: documentId }).first<Row>('compiled');
  return parse<CompiledDocument>((await unpacked(row['compiled'])).toString());
}

/** The document of a revision as it was sent. */
export async function sourceOf(
  db: TenantDb,
  documentId: string,
): Promise<{ source: Buffer; format: 'json' | 'yaml' } | undefined> {
  const row = await db
    .from('api_documents')
    .where({ id: documentId })
    .first<Row | undefined>('source', 'source_format');
  return row && { source: await unpacked(row['source']), format: row['source_format'] as 'json' | 'yaml' };
}

/** A document as OpenAPI 3. */
export async function openapiOf(
  db: TenantDb,
  documentId: string,
): Promise<Record<string, unknown> | undefined> {
  const row = await db
    .from('api_documents')
    .where({ id: documentId })
    .first<Row | undefined>('openapi', 'source');
  return row && parse((await unpacked(row['openapi'] ?? row['source'])).toString());
}

/** Reads documents for the data plane. */
export interface DocumentReader {
  compiled(tenantId: string, documentId: string): Promise<CompiledDocument>;
  /** As OpenAPI 3. */
  openapi(tenantId: string, documentId: string): Promise<Record<string, unknown>>;
}

/** The text of a compiled document is read apart where its length counts. */
export function documentReader(store: Store) {
  const column = (name: string): ((tenantId: string, documentId: string) => Promise<string>) => {
    const select = store.prepare(`SELECT ${name} AS text FROM api_documents WHERE tenant_id = ? AND id = ?`);
    return async (tenantId, documentId) => {
      const row = await select.first(tenantId, documentId);
      if (!row) throw new Error('the document is gone: its revision was deleted');
      return (await unpacked(row['text'])).toString();
    };
  };
  const compiledText = column('compiled');
  const openapi = column('COALESCE(openapi, source)');
  const reader: DocumentReader = {
    compiled: async (...which) => parse(await compiledText(...which)),
    openapi: async (...which) => parse(await openapi(...which)),
  };
  return { ...reader, compiledText };
}
