import {
  confinedTo,
  defineList,
  defineOperation,
  defineRaw,
  NEWEST_COLUMNS,
  NEWEST_LIST,
  pageOf,
  shapes,
  type AnyOperation,
} from '../../api/index.js';
import { lockApiResource } from '../../api-resources/index.js';
import { Conflict } from '../../kernel/errors.js';
import type { Row, TenantDb } from '../../store/index.js';
import {
  aboutApi,
  aboutApiOf,
  CODES,
  ofApi,
  ofGateway,
  readableApi,
  revisionOfApi,
  revisionWithVersion,
} from './api.js';
import { gatewayChanged } from './changes.js';
import { checkStoredCombination } from './combinations.js';
import { firstSegmentsOf, sourceOf } from './documents.js';
import { missing } from './problems.js';
import { addRelease } from './releases.js';
import { namesOf, setOf } from './revise.js';
import { deleteRevision, updateRevision } from './revision-store.js';
import {
  ONLINE,
  onlyParam,
  paramsWith,
  PUBLISH_CONFIGURATION,
  REVISION,
  REVISION_CHANGE,
  VERSION,
} from './schemas.js';
import { checkSegments } from './settings.js';
import type { CatalogueBase, Version } from './types.js';
import {
  deleteVersion,
  findVersion,
  findVersionSet,
  toVersion,
  updateVersion,
  versionsOf,
} from './version-store.js';
import { shownRevision, shownVersion, shownVersions } from './view.js';

/** In the order in which they were made: the first version is the first one. */
const IN_ORDER = {
  ...NEWEST_LIST,
  properties: { ...NEWEST_LIST.properties, asc: { type: 'boolean', default: true } },
} as const;

const REVISION_PARAMS = onlyParam('revisionId');
const VERSION_PARAMS = onlyParam('apiId');

const readOperations: readonly AnyOperation[] = [
  defineList({
    ...ofApi.own('versions', 'GET', '/{id}/Versions'),
    summary: 'List the versions of an API with their revisions',
    schemas: { params: shapes.params, query: IN_ORDER, answer: VERSION },
    async handle({ db, tenant, actor, params, query }) {
      const api = await readableApi(db, actor, params.id);
      const rows = db.from('api_versions').where({ api_resource_id: api.id });
      const page = await pageOf(db, rows, query, NEWEST_COLUMNS, (row: Row) => toVersion(row));
      const set = await findVersionSet(db, api.id);
      return { ...page, rows: set ? await shownVersions(db, page.rows, { set, tenant }) : [] };
    },
  }),
  defineOperation({
    ...ofApi.own('publishconfiguration', 'GET', '/{id}/PublishConfiguration'),
    summary: 'Read what was published last, as it was sent',
    schemas: { params: shapes.params, answer: PUBLISH_CONFIGURATION },
    async handle({ db, actor, params }) {
      const api = await readableApi(db, actor, params.id);
      // What Publish has taken fits the schema of what it takes.
      return ((await findVersionSet(db, api.id))?.lastPublish ?? null) as never;
    },
  }),
];

const onlineOperation = (base: CatalogueBase): AnyOperation =>
  defineOperation({
    ...ofApi.own('setonlineversion', 'POST', '/{id}/Versions/{revisionId}'),
    summary: 'Make a revision the current one of its version',
    example: { notes: 'Orders have a state.' },
    schemas: { params: paramsWith('revisionId'), body: ONLINE, answer: VERSION },
    authority: aboutApi(base),
    target: ({ params }) => params.revisionId,
    async handle({ db, tenant, actor, params, body }) {
      const api = await lockApiResource(db, params.id, confinedTo(actor));
      const { revision, version } = await revisionOfApi(db, api.id, params.revisionId);
      const set = await setOf(db, api.id);
      if (version.currentRevisionId === revision.id) return shownVersion(db, version, { set, tenant });
      if (version.name === '')
        checkSegments(set.scheme, await namesOf(db, api.id), await firstSegmentsOf(db, revision.documentId), {
          field: 'revisionId',
          code: CODES.onlineVersionFailed,
        });
      await checkStoredCombination(db, version, revision);
      const notes = body.notes ?? (revision.wasCurrent ? '' : (revision.description ?? ''));
      await updateRevision(db, { ...revision, online: true, wasCurrent: true });
      const now = await updateVersion(db, { ...version, currentRevisionId: revision.id });
      const { announced } = await addRelease(base, db, { set, version: now, revision, notes, notify: true });
      await gatewayChanged(db);
      return { ...(await shownVersion(db, now, { set, tenant })), announced };
    },
    finish: () => base.changed(),
  });

const apiOfRevision = async (db: TenantDb, { revisionId }: { revisionId: string }): Promise<string> =>
  (await revisionWithVersion(db, revisionId)).version.apiResourceId;

/** A revision as it is answered. @throws Failure: 404 */
async function readRevision({ db, tenant, params }: RevisionCall) {
  const { revision, version } = await revisionWithVersion(db, params.revisionId);
  return shownRevision(revision, version, { set: await setOf(db, version.apiResourceId), tenant });
}

interface RevisionCall {
  db: TenantDb;
  tenant: Parameters<typeof shownRevision>[2]['tenant'];
  params: { revisionId: string };
}

const isCurrent = (what: string): Conflict =>
  new Conflict(
    'isCurrent',
    `the revision is the current one of its version, and ${what}; make another one current first`,
  );

const revisionOperations = (base: CatalogueBase): readonly AnyOperation[] => [
  defineOperation({
    ...ofGateway.own('putrevision', 'PUT', '/Revisions/{revisionId}'),
    summary: 'Take a revision that is not current offline or online again, or describe it',
    example: { isOnline: false },
    schemas: { params: REVISION_PARAMS, body: REVISION_CHANGE, answer: REVISION },
    authority: aboutApiOf(base, apiOfRevision),
    current: { answer: REVISION, read: readRevision },
    async handle({ db, tenant, params, body }) {
      const { revision, version } = await revisionWithVersion(db, params.revisionId);
      if (body.isOnline === false && version.currentRevisionId === revision.id)
        throw isCurrent('stays online');
      await updateRevision(db, {
        ...revision,
        online: body.isOnline ?? revision.online,
        description: body.description === undefined ? revision.description : body.description || null,
      });
      await gatewayChanged(db);
      return readRevision({ db, tenant, params });
    },
    finish: () => base.changed(),
  }),
  defineOperation({
    ...ofGateway.own('deleterevision', 'DELETE', '/Revisions/{revisionId}'),
    summary: 'Delete a revision that is not current',
    schemas: { params: REVISION_PARAMS, answer: shapes.DELETED },
    authority: aboutApiOf(base, apiOfRevision),
    async handle({ db, params }) {
      const { revision, version } = await revisionWithVersion(db, params.revisionId);
      if (version.currentRevisionId === revision.id) throw isCurrent('cannot be deleted');
      await deleteRevision(db, revision.id);
      await gatewayChanged(db);
      return { id: revision.id };
    },
    finish: () => base.changed(),
  }),
  defineRaw({
    ...ofGateway.own('document', 'GET', '/Revisions/{revisionId}/Document'),
    summary: 'Read the document of a revision as it was sent',
    schemas: { params: REVISION_PARAMS, answer: { type: 'object', additionalProperties: true } },
    raw: ['application/json', 'application/yaml'],
    async handle({ db, actor, params }) {
      const { revision, version } = await revisionWithVersion(db, params.revisionId);
      await readableApi(db, actor, version.apiResourceId);
      const document = await sourceOf(db, revision.documentId);
      if (!document) throw missing('document of the revision', revision.id);
      return {
        type: `application/${document.format}`,
        body: document.source,
        etag: `"${revision.documentId}"`,
      };
    },
  }),
];

/** @throws Failure: 404 */
async function versionAt(db: TenantDb, { apiId }: { apiId: string }): Promise<Version> {
  const version = await findVersion(db, apiId);
  if (!version) throw missing('version', apiId);
  return version;
}

const deleteVersionOperation = (base: CatalogueBase): AnyOperation =>
  defineOperation({
    ...ofGateway.own('deleteversion', 'DELETE', '/Versions/{apiId}'),
    summary:
      'Delete a version with its revisions; deleting the first version, after all others, unpublishes the API',
    schemas: { params: VERSION_PARAMS, answer: shapes.DELETED },
    authority: aboutApiOf(
      base,
      async (db, params: { apiId: string }) => (await versionAt(db, params)).apiResourceId,
    ),
    async handle({ db, params }) {
      const version = await versionAt(db, params);
      const others = (await versionsOf(db, version.apiResourceId)).length - 1;
      if (version.name === '' && others > 0)
        throw new Conflict('versions', `other versions of the API: ${others}; delete them first`, {
          versions: others,
        });
      await deleteVersion(db, version);
      await gatewayChanged(db);
      return { id: version.id };
    },
    finish: () => base.changed(),
  });

export const versionOperations = (base: CatalogueBase): readonly AnyOperation[] => [
  ...readOperations,
  onlineOperation(base),
  ...revisionOperations(base),
  deleteVersionOperation(base),
];
