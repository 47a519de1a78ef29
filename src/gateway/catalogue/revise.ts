import { confinedTo, defineOperation, Failure, shapes, type AnyOperation } from '../../api/index.js';
import { lockApiResource } from '../../api-resources/index.js';
import { Conflict } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import type { TenantDb } from '../../store/index.js';
import type { Policy } from '../types.js';
import { aboutApi, CODES, ofApi, revisionOfApi, versionOf } from './api.js';
import { gatewayChanged } from './changes.js';
import { checkCombination } from './combinations.js';
import { firstSegmentsOf, insertDocument } from './documents.js';
import { copyProducts } from './product-store.js';
import { refused } from './problems.js';
import { countRevisions, findRevision, insertRevision } from './revision-store.js';
import { PUBLISH_REVISION, PUBLISH_VERSION, REVISION, VERSION } from './schemas.js';
import { backendOf, checkPolicyFor, checkSegments, withoutBlanks } from './settings.js';
import { DOCUMENT_LIMITS, documentIn, sourceField } from './source.js';
import type { CatalogueBase, Revision, Version, VersionSet } from './types.js';
import { findVersion, findVersionSet, insertVersion, updateVersion, versionsOf } from './version-store.js';
import { shownRevision, shownVersion } from './view.js';
import { warned } from './warnings.js';

const FAILED = CODES.revisionPublishFailed;

/** The versions of an API that was published. */
export async function setOf(db: TenantDb, apiResourceId: string): Promise<VersionSet> {
  const set = await findVersionSet(db, apiResourceId);
  if (!set) throw new Failure(404, CODES.revisionDetailFailed, { message: 'the API was never published' });
  return set;
}

export async function currentOf(db: TenantDb, version: Version): Promise<Revision> {
  const revision = await findRevision(db, version.currentRevisionId);
  if (!revision) throw new Error('a version has a current revision');
  return revision;
}

/** So many revisions an API may have: they are listed with it, and those online are in memory. */
export const MOST_REVISIONS = 500;

/** @throws Conflict where one more would be too many. Hold the API by `lockApiResource`. */
async function checkRevisions(db: TenantDb, apiResourceId: string): Promise<void> {
  const revisions = await countRevisions(db, apiResourceId);
  if (revisions < MOST_REVISIONS) return;
  throw new Conflict(
    'revisions',
    `an API may have ${MOST_REVISIONS} revisions in all of its versions; delete some that are not current`,
    { revisions },
  );
}

/** The names of an API's versions but the first one's. */
export const namesOf = async (db: TenantDb, apiResourceId: string): Promise<string[]> =>
  (await versionsOf(db, apiResourceId)).map(({ name }) => name).filter((name) => name !== '');

export const publishRevisionOperation = (base: CatalogueBase): AnyOperation =>
  defineOperation({
    ...ofApi.own('publishrevision', 'POST', '/{id}/PublishRevision'),
    summary: 'Publish a revision of a version, to be tried before it goes online',
    example: { swaggerUrl: 'https://orders.example.com/openapi.yaml', releaseNote: 'Orders have a state.' },
    schemas: { params: shapes.params, body: PUBLISH_REVISION, answer: REVISION },
    limits: DOCUMENT_LIMITS,
    authority: aboutApi(base),
    acts: true,
    prepare: ({ tenant, body }) => documentIn(base, tenant, body, FAILED),
    target: ({ params }) => params.id,
    async handle({ db, tenant, actor, params, body: sent }, packed) {
      const api = await lockApiResource(db, params.id, confinedTo(actor));
      const body = withoutBlanks(sent);
      if (!packed) throw refused('document', 'required', 'is missing: send it, or its swaggerUrl', FAILED);
      const version = await versionOf(db, api.id, body.apiId, CODES.revisionDetailFailed);
      const set = await setOf(db, api.id);
      const current = await currentOf(db, version);
      await checkRevisions(db, api.id);
      const { compiled } = packed;
      if (version.name === '')
        checkSegments(set.scheme, await namesOf(db, api.id), compiled.firstSegments, {
          field: sourceField(body),
          code: FAILED,
        });
      const policy = (body.policy as Policy | null | undefined) ?? current.policy;
      checkPolicyFor(base, policy, compiled);
      await checkCombination(version, policy, () => Promise.resolve(compiled));
      const number = version.lastRevision + 1;
      const revision = await insertRevision(db, {
        id: newId(),
        versionId: version.id,
        number,
        online: true,
        wasCurrent: false,
        description: body.releaseNote ?? null,
        serviceUrl:
          body.serviceUrl == null
            ? current.serviceUrl
            : backendOf(base, tenant, body.serviceUrl, { named: undefined, code: FAILED }),
        policy,
        author: actor?.userKey ?? actor?.clientId ?? '',
        ...(await insertDocument(db, packed)),
      });
      await updateVersion(db, { ...version, lastRevision: number });
      await gatewayChanged(db);
      const document = { field: sourceField(body), compiled };
      return {
        ...shownRevision(revision, version, { set, tenant }),
        ...(await warned(db, api, { access: version, policy, document })),
      };
    },
    finish: () => base.changed(),
  });

export const publishVersionOperation = (base: CatalogueBase): AnyOperation =>
  defineOperation({
    ...ofApi.own('publishversion', 'POST', '/{id}/PublishVersion'),
    summary: 'Publish a version that begins as a copy of a revision',
    example: { revisionId: '019012a4-5b6c-7d8e-9f00-112233445566', apiVersionName: 'v2' },
    schemas: { params: shapes.params, body: PUBLISH_VERSION, answer: VERSION },
    authority: aboutApi(base),
    target: ({ params }) => params.id,
    async handle({ db, tenant, actor, params, body }) {
      const api = await lockApiResource(db, params.id, confinedTo(actor));
      const copied = await revisionOfApi(db, api.id, body.revisionId);
      const set = await setOf(db, api.id);
      await checkRevisions(db, api.id);
      const name = body.apiVersionName.toLowerCase();
      const first = await findVersion(db, api.id);
      if (first)
        checkSegments(
          set.scheme,
          [name],
          await firstSegmentsOf(db, (await currentOf(db, first)).documentId),
          {
            field: 'apiVersionName',
          },
        );
      const revisionId = newId();
      const version = await insertVersion(db, {
        ...copied.version,
        name,
        currentRevisionId: revisionId,
        lastRevision: 1,
      });
      await insertRevision(db, {
        ...copied.revision,
        id: revisionId,
        versionId: version.id,
        number: 1,
        online: true,
        wasCurrent: true,
        author: actor?.userKey ?? actor?.clientId ?? '',
      });
      await copyProducts(db, copied.version.id, version.id);
      await gatewayChanged(db);
      return shownVersion(db, version, { set, tenant });
    },
    finish: () => base.changed(),
  });
