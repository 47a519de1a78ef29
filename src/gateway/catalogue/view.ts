import { shapes, type CallTenant } from '../../api/index.js';
import type { TenantDb } from '../../store/index.js';
import { productsOfVersions } from './product-store.js';
import { revisionsOf } from './revision-store.js';
import type { Revision, Version, VersionSet } from './types.js';

type Place = { set: Pick<VersionSet, 'suffix' | 'scheme'>; tenant: CallTenant };

/** Where a version is called, at the issuer: versions that a header or a query parameter names share the path of the first one. */
export function pathOf(version: Version, set: Place['set']): `/${string}` {
  const base = `/gateway/${set.suffix}` as const;
  return set.scheme.in === 'path' && version.name !== '' ? `${base}/${version.name}` : base;
}

const privatePathOf = (revision: Revision, version: Version, set: Place['set']): `/${string}` =>
  `${pathOf(version, set)};rev=${revision.number}`;

/** Where a revision is called, for those who are told of it: undefined where it is offline. */
export function toldPathOf(
  revision: Revision,
  version: Version,
  set: Place['set'],
): `/${string}` | undefined {
  if (revision.id === version.currentRevisionId) return pathOf(version, set);
  return revision.online ? privatePathOf(revision, version, set) : undefined;
}

export const shownRevision = (revision: Revision, version: Version, place: Place) => ({
  id: revision.id,
  apiId: version.id,
  revision: revision.number,
  isCurrent: revision.id === version.currentRevisionId,
  isOnline: revision.online,
  description: revision.description,
  privateUrl: place.tenant.issuer + privatePathOf(revision, version, place.set),
  serviceUrl: revision.serviceUrl,
  documentType: revision.documentType,
  operationCount: revision.operationCount,
  // A policy is JSON; the schema's type says no more of it.
  policy: revision.policy as Record<string, unknown> | null,
  author: revision.author,
  createdAt: shapes.iso(revision.createdAt),
  updatedAt: shapes.iso(revision.updatedAt),
});

/** Versions of one API as answers say them. */
export async function shownVersions(db: TenantDb, versions: readonly Version[], place: Place) {
  const ids = versions.map(({ id }) => id);
  const revisions = await revisionsOf(db, ids);
  const products = await productsOfVersions(db, ids);
  return versions.map((version) => ({
    apiId: version.id,
    apiVersionName: version.name || null,
    name: version.displayName,
    description: version.description,
    suffix: place.set.suffix,
    versionScheme: place.set.scheme,
    url: place.tenant.issuer + pathOf(version, place.set),
    productIds: products.get(version.id) ?? [],
    authorizationServerId: version.authServerId,
    scope: version.scope,
    passToken: version.passToken,
    revisions: (revisions.get(version.id) ?? []).map((each) => shownRevision(each, version, place)),
    createdAt: shapes.iso(version.createdAt),
    updatedAt: shapes.iso(version.updatedAt),
  }));
}

export async function shownVersion(db: TenantDb, version: Version, place: Place) {
  const [shown] = await shownVersions(db, [version], place);
  if (!shown) throw new Error('a version is shown as one');
  return shown;
}
