import { defineOperation, shapes, type AnyOperation, type Actor, type CallTenant } from '../../api/index.js';
import { confinedTo } from '../../api/index.js';
import { lockApiResource, type StoredApiResource } from '../../api-resources/index.js';
import { newId } from '../../kernel/ids.js';
import type { TenantDb } from '../../store/index.js';
import type { Announcement, CompiledDocument, Policy } from '../types.js';
import { aboutApi, CODES, joining, ofApi, versionOf } from './api.js';
import { gatewayChanged } from './changes.js';
import { checkCombination } from './combinations.js';
import { compiledDocument, firstSegmentsOf, insertDocument, type PackedDocument } from './documents.js';
import { setProductsOfVersion } from './product-store.js';
import { EXAMPLE_DOCUMENT } from './example.js';
import { refused } from './problems.js';
import { currentOf } from './revise.js';
import { findRevision, insertRevision, updateRevision } from './revision-store.js';
import { PUBLISH, VERSION } from './schemas.js';
import {
  authServerIn,
  backendOf,
  changed,
  checkAuthServer,
  checkPolicyFor,
  checkProducts,
  checkSegments,
  checkSuffix,
  descriptionOf,
  schemeOf,
  scopeOf,
  titleOf,
  withoutBlanks,
  type Given,
} from './settings.js';
import { DOCUMENT_LIMITS, documentIn, givesDocument, sourceField } from './source.js';
import type { CatalogueBase, Revision, Version, VersionScheme, VersionSet } from './types.js';
import {
  findVersion,
  findVersionSet,
  insertVersion,
  insertVersionSet,
  updateVersion,
  updateVersionSet,
  versionsOf,
} from './version-store.js';
import { pathOf, shownVersion } from './view.js';
import { warned } from './warnings.js';

interface PublishRequest {
  apiId?: Given<string>;
  suffix?: Given<string>;
  swaggerUrl?: Given<string>;
  document?: unknown;
  name?: Given<string>;
  description?: Given<string>;
  productIds?: Given<string[]>;
  serviceUrl?: Given<string>;
  authorizationServerId?: Given<string>;
  openid?: Given<string>;
  scope?: Given<string>;
  versionScheme?: Given<{ in: 'path' | 'header' | 'query'; name?: Given<string> }>;
  policy?: Given<Record<string, unknown>>;
  passToken?: Given<boolean>;
  notify?: Given<boolean>;
}

interface PublishCall {
  base: CatalogueBase;
  db: TenantDb;
  tenant: CallTenant;
  actor: Actor | undefined;
  api: StoredApiResource;
  body: PublishRequest;
  packed: PackedDocument | undefined;
}

/** What is there before; nothing at the first time. */
interface Before {
  set: VersionSet;
  version: Version;
  revision: Revision;
}

const FAILED = CODES.publishFailed;

export const publishOperation = (base: CatalogueBase): AnyOperation =>
  defineOperation({
    ...ofApi.own('publish', 'PUT', '/{id}/Publish'),
    summary: 'Publish an API at the gateway, or change what is published',
    example: {
      suffix: 'orders',
      document: EXAMPLE_DOCUMENT,
      serviceUrl: 'https://orders.example.com/v1',
    },
    schemas: { params: shapes.params, body: PUBLISH, answer: VERSION },
    limits: DOCUMENT_LIMITS,
    conflicts: { suffix: FAILED },
    authority: aboutApi(base),
    acts: true,
    prepare: ({ tenant, body }) => documentIn(base, tenant, body, FAILED),
    target: ({ params }) => params.id,
    async handle({ db, tenant, actor, params, body: sent }, packed) {
      const api = await lockApiResource(db, params.id, confinedTo(actor));
      const call = { base, db, tenant, actor, api, body: withoutBlanks<PublishRequest>(sent), packed };
      const before = await publishedBefore(call);
      const set = await writeSet(call, before);
      const { version, policy } = await (before ? change(call, before) : publishFirst(call));
      if (call.body.productIds !== undefined || !before)
        await setProductsOfVersion(db, version.id, call.body.productIds ?? [], () => joining.product(actor));
      await checkNames(call, set.scheme);
      const announced = (call.body.notify ?? true) && (await base.announce(db, publicationOf(version, set)));
      await gatewayChanged(db);
      return {
        ...(await shownVersion(db, version, { set, tenant })),
        announced,
        ...(await warned(db, api, { access: version, policy, document: sentDocument(call) })),
      };
    },
    finish: () => base.changed(),
  });

const publicationOf = (version: Version, set: Pick<VersionSet, 'suffix' | 'scheme'>): Announcement => ({
  id: newId(),
  apiResourceId: version.apiResourceId,
  apiName: version.displayName,
  kind: 'publish',
  versionName: version.name,
  notes: '',
  path: pathOf(version, set),
});

const sentDocument = ({ body, packed }: PublishCall) =>
  packed && { field: sourceField(body), compiled: packed.compiled };

/** @throws Failure: 404 for a version that is none of the API's */
async function publishedBefore({ db, api, body }: PublishCall): Promise<Before | undefined> {
  const set = await findVersionSet(db, api.id);
  if (!set) {
    // The first version's id is known before it is there.
    if (body.apiId != null && body.apiId !== api.id)
      await versionOf(db, api.id, body.apiId, CODES.revisionDetailFailed);
    return undefined;
  }
  const version = await versionOf(db, api.id, body.apiId, CODES.revisionDetailFailed);
  return { set, version, revision: await currentOf(db, version) };
}

/** Writes where the API is reached. @throws Conflict when the suffix is taken, Failure: 422 */
async function writeSet(call: PublishCall, before: Before | undefined) {
  const { db, api, body } = call;
  const suffix = body.suffix ?? before?.set.suffix;
  if (suffix === undefined) throw refused('suffix', 'required', 'is missing: an API is published below it');
  const scheme = changed<VersionScheme>(
    body.versionScheme && schemeOf(body.versionScheme),
    before?.set.scheme ?? { in: 'path' },
    { in: 'path' },
  );
  const set = {
    apiResourceId: api.id,
    suffix: checkSuffix(suffix),
    scheme,
    lastPublish: asSent(body, before?.version.id ?? api.id, before?.set),
  };
  await (before ? updateVersionSet(db, set) : insertVersionSet(db, set));
  return set;
}

/** What PublishConfiguration answers. A change without a document leaves open how it was sent, so the last answer to that stays. */
function asSent(
  body: PublishRequest,
  apiId: string,
  before: VersionSet | undefined,
): Record<string, unknown> {
  const { document: _document, notify: _notify, openid: _openid, ...sent } = body;
  const server = authServerIn(body);
  const source = sourceField(body) === 'swaggerUrl' ? 'url' : 'inline';
  return {
    ...sent,
    ...(server !== undefined && { authorizationServerId: server }),
    apiId,
    documentSource: givesDocument(body) ? source : (before?.lastPublish['documentSource'] ?? 'inline'),
  };
}

/** A version, and the policy of its current revision. */
interface Written {
  version: Version;
  policy: Policy | null;
}

async function publishFirst(call: PublishCall): Promise<Written> {
  const { base, db, tenant, actor, api, body, packed } = call;
  if (!packed) throw refused('document', 'required', 'is missing: send it, or its swaggerUrl', FAILED);
  const { compiled } = packed;
  const policy = (body.policy ?? null) as Policy | null;
  checkPolicyFor(base, policy, compiled);
  const access = await accessOf(call, undefined);
  await checkCombination(access, policy, () => Promise.resolve(compiled));
  const revisionId = newId();
  const version = await insertVersion(
    db,
    {
      apiResourceId: api.id,
      name: '',
      displayName: body.name ?? titleOf(compiled, api.displayName ?? api.name),
      description: body.description ?? descriptionOf(compiled),
      ...access,
      currentRevisionId: revisionId,
      lastRevision: 1,
    },
    api.id,
  );
  await insertRevision(db, {
    id: revisionId,
    versionId: version.id,
    number: 1,
    online: true,
    wasCurrent: true,
    description: null,
    serviceUrl: backendOf(base, tenant, body.serviceUrl ?? null, { named: compiled.serverUrl, code: FAILED }),
    policy,
    author: actor?.userKey ?? actor?.clientId ?? '',
    ...(await insertDocument(db, packed)),
  });
  return { version, policy };
}

/** Who may call: what a version says of it. @throws Failure: 422 */
async function accessOf({ db, body }: PublishCall, before: Version | undefined) {
  const authServerId = changed(authServerIn(body), before?.authServerId ?? 'self', 'self');
  await checkAuthServer(db, authServerId);
  if (body.productIds) await checkProducts(db, body.productIds);
  return {
    authServerId,
    scope: scopeOf(changed(body.scope, before?.scope ?? null, null)),
    passToken: changed(body.passToken, before?.passToken ?? false, false),
  };
}

/** Changes a version, and its current revision in place. */
async function change(call: PublishCall, { version, revision }: Before): Promise<Written> {
  const { base, db, tenant, api, body, packed } = call;
  let read: CompiledDocument | undefined = packed?.compiled;
  const compiled = async (): Promise<CompiledDocument> =>
    (read ??= await compiledDocument(db, revision.documentId));
  const policy = changed(body.policy as Given<Policy>, revision.policy, null);
  if (policy && (packed || body.policy)) checkPolicyFor(base, policy, await compiled());
  const access = await accessOf(call, version);
  if (packed || body.policy || access.authServerId !== version.authServerId || access.scope !== version.scope)
    await checkCombination(access, policy, compiled);
  const serviceUrl =
    body.serviceUrl === undefined
      ? revision.serviceUrl
      : backendOf(base, tenant, body.serviceUrl, { named: (await compiled()).serverUrl, code: FAILED });
  await updateRevision(db, {
    ...revision,
    policy,
    serviceUrl,
    ...(packed && (await insertDocument(db, packed))),
  });
  const named = body.name === null || body.description === null ? await compiled() : undefined;
  const written = await updateVersion(db, {
    ...version,
    displayName: body.name ?? (named && body.name === null ? titleOf(named, api.name) : version.displayName),
    description:
      body.description ?? (named && body.description === null ? descriptionOf(named) : version.description),
    ...access,
  });
  return { version: written, policy };
}

/** @throws Failure: 422 where a version is named like the beginning of a path of the first version */
async function checkNames({ db, api, body }: PublishCall, scheme: VersionScheme): Promise<void> {
  const names = (await versionsOf(db, api.id)).map(({ name }) => name);
  if (names.length < 2) return;
  const first = await findVersion(db, api.id);
  const revision = first && (await findRevision(db, first.currentRevisionId));
  const segments = revision ? await firstSegmentsOf(db, revision.documentId) : [];
  const field = givesDocument(body) ? sourceField(body) : 'versionScheme';
  checkSegments(scheme, names, segments, { field, code: FAILED });
}
