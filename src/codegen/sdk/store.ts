import { parse } from '../../kernel/json.js';
import { packed, unpacked } from '../../kernel/packed-text.js';
import type { Row, TenantDb } from '../../store/index.js';
import type { OpenApi } from '../types.js';

/** What the next release starts from, and the package of a release that is under way. */

/** A package that is sent to its registry, with what is recorded of it afterwards. */
export interface Draft {
  jobId: string;
  details: DraftDetails;
  tarball: Buffer;
  /** As `packDocument` has made it. */
  document: string;
}

/** JSON without secrets. */
export interface DraftDetails {
  manifest: Readonly<Record<string, unknown>> & { name: string; version: string };
  registry: string;
  integrity: string;
  /** What has changed, for people. */
  changes: string;
  swaggerUrl: string | null;
  tags: string[];
  publisher: string;
  /** The programming language. */
  language: string;
}

/** Which SDK: of an API, by a generator. */
export interface SdkKey {
  apiId: string;
  generator: string;
}

const KEY = ['api_resource_id', 'language'];
const columnsOf = ({ apiId, generator }: SdkKey) => ({ api_resource_id: apiId, language: generator });

export const packDocument = (document: OpenApi): Promise<string> => packed(JSON.stringify(document));

/** The document of the last release; undefined where there was none. */
export async function releasedDocument(db: TenantDb, key: SdkKey): Promise<OpenApi | undefined> {
  const row = await db.from('sdk_documents').where(columnsOf(key)).first<Row | undefined>('document');
  return row && parse<OpenApi>((await unpacked(row['document'])).toString());
}

export const putReleasedDocument = (db: TenantDb, key: SdkKey, document: string): Promise<void> =>
  db.put('sdk_documents', KEY, { ...columnsOf(key), document, updated_at: Date.now() });

export async function findDraft(db: TenantDb, key: SdkKey): Promise<Draft | undefined> {
  const row = (await db.from('sdk_drafts').where(columnsOf(key)).first()) as Row | undefined;
  return (
    row && {
      jobId: row['job_id'] as string,
      details: parse<DraftDetails>(row['details']),
      tarball: Buffer.from(row['tarball'] as string, 'base64'),
      document: row['document'] as string,
    }
  );
}

/** A package that its registry did not take is kept for as long as its job can be read. */
const DRAFT_KEPT_MS = 30 * 86_400_000;

export const putDraft = (db: TenantDb, key: SdkKey, draft: Draft): Promise<void> => {
  const now = Date.now();
  return db.put('sdk_drafts', KEY, {
    ...columnsOf(key),
    job_id: draft.jobId,
    details: JSON.stringify(draft.details),
    tarball: draft.tarball.toString('base64'),
    document: draft.document,
    created_at: now,
    expires_at: now + DRAFT_KEPT_MS,
  });
};

/** @returns whether this job's draft was there */
export const deleteDraft = async (db: TenantDb, key: SdkKey, jobId: string): Promise<boolean> =>
  Number(
    await db
      .from('sdk_drafts')
      .where({ ...columnsOf(key), job_id: jobId })
      .delete(),
  ) > 0;
