import {
  aboutOne,
  areaAt,
  confinedTo,
  Failure,
  BASIC,
  holds,
  type Actor,
  type Code,
} from '../../api/index.js';
import {
  findApiResource,
  heldByApi,
  lockApiResource,
  API_RESOURCE_CODES,
} from '../../api-resources/index.js';
import type { TenantDb } from '../../store/index.js';
import { missing } from './problems.js';
import type { CatalogueBase, Revision, Version } from './types.js';
import { findRevision } from './revision-store.js';
import { findVersion } from './version-store.js';

/** Where the operations are, and what they have in common. */

export const CODES = API_RESOURCE_CODES;
export const ofApi = areaAt('apiresource', '/api/ApiResource');
export const ofGateway = areaAt('gateway', '/api/Gateway');

/** Those who may change an API publish it. The API is held until the transaction ends, so that its changes are in order. */
export const aboutApi = (base: CatalogueBase) => aboutOne(async (call, id) => heldIn(base, call, id));

type AboutCall = { db: TenantDb; actor: Actor | undefined };

const heldIn = async (base: CatalogueBase, { db, actor }: AboutCall, id: string) =>
  heldByApi(await lockApiResource(db, id, confinedTo(actor)), base.reserved.devices());

/** The same where the path names a revision or a version, and not its API. */
export const aboutApiOf =
  <P>(base: CatalogueBase, apiOf: (db: TenantDb, params: P) => Promise<string>) =>
  async (call: AboutCall & { params: P }) => {
    const id = await apiOf(call.db, call.params);
    return new Map([[id, await heldIn(base, call, id)]]);
  };

/** An API as far as the caller may see it. @throws NotFound */
export const readableApi = (db: TenantDb, actor: Actor | undefined, id: string) =>
  findApiResource(db, id, confinedTo(actor));

/**
 * A version of an API: the first one where none is named.
 * @param code of the failure: the API may never have been published.
 * @throws Failure: 404
 */
export async function versionOf(
  db: TenantDb,
  apiResourceId: string,
  apiId: string | null | undefined,
  code: Code = BASIC.notFound,
): Promise<Version> {
  const version = await findVersion(db, apiId ?? apiResourceId);
  if (version?.apiResourceId === apiResourceId) return version;
  if (apiId == null || apiId === apiResourceId)
    throw new Failure(404, code, { message: 'the API was never published; PUT its Publish first' });
  throw missing('version', apiId, code);
}

/** A revision with its version. @throws Failure: 404 */
export async function revisionWithVersion(
  db: TenantDb,
  revisionId: string,
): Promise<{ revision: Revision; version: Version }> {
  const revision = await findRevision(db, revisionId);
  const version = revision && (await findVersion(db, revision.versionId));
  if (!revision || !version) throw missing('revision', revisionId);
  return { revision, version };
}

/** The same, of this API. @throws Failure: 404 */
export async function revisionOfApi(db: TenantDb, apiResourceId: string, revisionId: string) {
  const found = await revisionWithVersion(db, revisionId);
  if (found.version.apiResourceId !== apiResourceId) throw missing('revision', revisionId);
  return found;
}

/** Refuses confined callers to read what is the whole tenant's. @throws Failure: 403 */
export function onlyForTenant(actor: Actor | undefined): void {
  if (confinedTo(actor) === undefined) return;
  throw new Failure(403, BASIC.forbidden, {
    message: 'this belongs to the whole tenant, and you see your own things only; ask an administrator',
    data: { missing: 'permission', name: 'isms.all' },
  });
}

/**
 * A product opens its APIs to all who have a key of it, and its limits hold for them: to put an API into a product, callers need
 * authority over both. Either side may end it alone.
 */
export const joining = {
  /** For who may change the API. @throws Failure: 403 */
  product(actor: Actor | undefined): void {
    onlyForTenant(actor);
    needsWord(actor, 'isms.gateway.putproduct');
  },
  /** For who may change the product. @throws Failure: 403 */
  api: (actor: Actor | undefined): void => needsWord(actor, 'isms.apiresource.publish'),
} as const;

function needsWord(actor: Actor | undefined, name: string): void {
  if (actor && holds(actor, name)) return;
  throw new Failure(403, BASIC.forbidden, {
    message: `to put an API into a product you need "${name}" as well; ask an administrator`,
    data: { missing: 'permission', name },
  });
}
