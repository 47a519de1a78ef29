import {
  confinedTo,
  defineList,
  defineOperation,
  NEWEST_COLUMNS,
  pageOf,
  shapes,
  listQuery,
  type AnyOperation,
} from '../../api/index.js';
import { lockApiResource } from '../../api-resources/index.js';
import type { TenantDb } from '../../store/index.js';
import { aboutApi, ofApi, readableApi, revisionOfApi, versionOf } from './api.js';
import { missing, refused } from './problems.js';
import {
  deleteRelease,
  findRelease,
  insertRelease,
  releasesOf,
  toRelease,
  updateRelease,
} from './release-store.js';
import { currentOf, setOf } from './revise.js';
import { findRevisionByNumber } from './revision-store.js';
import { gatewayId, NEW_RELEASE, paramsWith, RELEASE, RELEASE_CHANGE } from './schemas.js';
import { withoutBlanks, type Given } from './settings.js';
import type { CatalogueBase, Release, Revision, Version, VersionSet } from './types.js';
import { toldPathOf } from './view.js';

const QUERY = listQuery({
  orderby: { type: 'string', enum: ['createdAt'] },
  apiId: { ...gatewayId, minLength: 0, description: 'Of which version; of all where it is left out.' },
});

const ONE = paramsWith('releaseId');

const shown = <R extends Release>({
  versionId,
  apiResourceId: _api,
  createdAt,
  updatedAt,
  ...release
}: R) => ({
  ...release,
  apiId: versionId,
  createdAt: shapes.iso(createdAt),
  updatedAt: shapes.iso(updatedAt),
});

interface ReleaseOf {
  set: VersionSet;
  version: Version;
  revision: Revision;
  notes: string;
  notify: boolean;
}

/** Adds a release, and announces it where it says something. `announced` is whether its subscribers get a mail. */
export async function addRelease(
  base: CatalogueBase,
  db: TenantDb,
  { set, version, revision, notes, notify }: ReleaseOf,
): Promise<Release & { announced: boolean }> {
  const { apiResourceId } = version;
  const release = await insertRelease(db, {
    apiResourceId,
    versionId: version.id,
    revisionId: revision.id,
    notes,
  });
  const announced =
    notify &&
    notes.trim() !== '' &&
    (await base.announce(db, {
      id: release.id,
      apiResourceId,
      apiName: version.displayName,
      kind: 'release',
      versionName: version.name,
      notes,
      path: toldPathOf(revision, version, set),
    }));
  return { ...release, announced };
}

interface Target {
  revisionId?: Given<string>;
  apiId?: Given<string>;
  aid?: Given<string>;
}

const AID = /^([A-Za-z0-9_-]{1,64})(?:;rev=([1-9]\d{0,8}))?$/;

/** What a release is about. @throws Failure: 404, 422 */
async function targetOf(db: TenantDb, apiResourceId: string, { revisionId, apiId, aid }: Target) {
  if ([revisionId, apiId, aid].filter((each) => each != null).length > 1)
    throw refused('aid', 'oneOf', 'send one of revisionId, apiId and aid');
  if (revisionId != null) return revisionOfApi(db, apiResourceId, revisionId);
  const [whole, versionId, number] = (aid != null && AID.exec(aid)) || [];
  if (aid != null && whole === undefined)
    throw refused('aid', 'format', 'must be <apiId> or <apiId>;rev=<number>');
  const version = await versionOf(db, apiResourceId, versionId ?? apiId);
  if (number === undefined) return { version, revision: await currentOf(db, version) };
  const revision = await findRevisionByNumber(db, version.id, Number(number));
  if (!revision) throw missing('revision', String(aid));
  return { version, revision };
}

async function releaseOf(
  db: TenantDb,
  { id, releaseId }: { id: string; releaseId: string },
): Promise<Release> {
  const release = await findRelease(db, id, releaseId);
  if (!release) throw missing('release', releaseId);
  return release;
}

export const releaseOperations = (base: CatalogueBase): readonly AnyOperation[] => [
  defineList({
    ...ofApi.own('releases', 'GET', '/{id}/Releases'),
    summary: 'List what was said of the revisions of an API',
    schemas: { params: shapes.params, query: QUERY, answer: RELEASE },
    async handle({ db, actor, params, query }) {
      await readableApi(db, actor, params.id);
      const rows = releasesOf(db, params.id);
      const { apiId } = query;
      if (apiId) void rows.where({ version_id: (await versionOf(db, params.id, apiId)).id });
      return pageOf(db, rows, query, NEWEST_COLUMNS, (row) => shown(toRelease(row)));
    },
  }),
  defineOperation({
    ...ofApi.own('postrelease', 'POST', '/{id}/Releases'),
    summary: 'Tell the subscribers of an API what is new',
    example: { notes: 'Orders can be cancelled.' },
    schemas: { params: shapes.params, body: NEW_RELEASE, answer: RELEASE },
    authority: aboutApi(base),
    target: ({ params }) => params.id,
    async handle({ db, actor, params, body }) {
      const api = await lockApiResource(db, params.id, confinedTo(actor));
      const target = await targetOf(db, api.id, withoutBlanks<Target>(body));
      const set = await setOf(db, api.id);
      const { notes, notify } = body;
      return shown(await addRelease(base, db, { set, ...target, notes, notify: notify ?? true }));
    },
  }),
  defineOperation({
    ...ofApi.own('putrelease', 'PUT', '/{id}/Releases/{releaseId}'),
    summary: 'Change the notes of a release; subscribers get no mail',
    example: { notes: 'Orders can be cancelled before they are sent.' },
    schemas: { params: ONE, body: RELEASE_CHANGE, answer: RELEASE },
    authority: aboutApi(base),
    current: { answer: RELEASE, read: async ({ db, params }) => shown(await releaseOf(db, params)) },
    handle: async ({ db, params, body }) =>
      shown(await updateRelease(db, await releaseOf(db, params), body.notes)),
  }),
  defineOperation({
    ...ofApi.own('deleterelease', 'DELETE', '/{id}/Releases/{releaseId}'),
    summary: 'Delete a release; subscribers get no mail',
    schemas: { params: ONE, answer: shapes.DELETED },
    authority: aboutApi(base),
    async handle({ db, params }) {
      await deleteRelease(db, (await releaseOf(db, params)).id);
      return { id: params.releaseId };
    },
  }),
];
