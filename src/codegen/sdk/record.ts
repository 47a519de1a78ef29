import { lockApiResource } from '../../api-resources/index.js';
import { putPackage, type Announcement } from '../../gateway/index.js';
import { tenantTransaction, type Store, type TenantDb } from '../../store/index.js';
import { ensureHistory } from '../history/store.js';
import { deleteDraft, putReleasedDocument, type Draft, type SdkKey } from './store.js';

export interface RecordBase {
  store: Store;
  /** Queues the mails to the API's subscribers, in the transaction of the event. */
  announce(db: TenantDb, announcement: Announcement): Promise<boolean>;
  setReleasedVersion(db: TenantDb, apiId: string, language: string, version: string): Promise<void>;
}

const NPM = 'https://registry.npmjs.org/';
const MOST_NOTES = 10_000;
const MOST_DESCRIPTION = 2000;

const pageOf = (registry: string, name: string): string =>
  registry === NPM ? `https://www.npmjs.com/package/${name}` : `${registry}${name}`;

/**
 * Records a published package in one transaction, and deletes its draft: history, market of packages, what the next release starts
 * from, and the mails to subscribers. Where another run has recorded it, nothing is done.
 */
export const recordRelease = (base: RecordBase, tenantId: string, key: SdkKey, draft: Draft): Promise<void> =>
  tenantTransaction(base.store, tenantId, async (db) => {
    const { details } = draft;
    const { name, version, description } = details.manifest;
    const api = await lockApiResource(db, key.apiId);
    if (!(await deleteDraft(db, key, draft.jobId))) return;
    await ensureHistory(db, api.id, {
      sdkName: name,
      language: key.generator,
      version,
      swaggerUrl: details.swaggerUrl,
      tags: details.tags,
      releaseDate: Date.now(),
    });
    await putPackage(db, api.id, {
      name,
      publisher: details.publisher,
      link: pageOf(details.registry, name),
      icon: null,
      description: typeof description === 'string' ? description.slice(0, MOST_DESCRIPTION) : null,
      packagePlatform: 'npm',
      language: details.language,
      showIndex: 0,
      tags: details.tags,
    });
    await putReleasedDocument(db, key, draft.document);
    await base.setReleasedVersion(db, api.id, key.generator, version);
    await base.announce(db, {
      id: draft.jobId,
      apiResourceId: api.id,
      apiName: api.name,
      kind: 'release',
      versionName: '',
      notes: `${name} ${version}\n\n${details.changes}`.slice(0, MOST_NOTES),
    });
  });
