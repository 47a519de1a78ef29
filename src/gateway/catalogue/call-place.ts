import type { CallTenant } from '../../api/index.js';
import type { TenantDb } from '../../store/index.js';
import { findProduct, productsOfVersions } from './product-store.js';
import { findVersion, findVersionSet } from './version-store.js';
import { pathOf } from './view.js';

/** How callers reach a version at this server. */
export interface CallPlace {
  /** What paths of the document follow. */
  url: string;
  /** Whether operations ask for an access token, unless their `security` says otherwise. */
  asksToken: boolean;
  /** Whether calls need the key of a product. */
  asksKey: boolean;
}

/** @returns undefined where the version is not published */
export async function callPlace(
  db: TenantDb,
  { issuer }: Pick<CallTenant, 'issuer'>,
  versionId: string,
): Promise<CallPlace | undefined> {
  const version = await findVersion(db, versionId);
  const set = version && (await findVersionSet(db, version.apiResourceId));
  if (!set) return undefined;
  const ids = (await productsOfVersions(db, [version.id])).get(version.id) ?? [];
  const products = (await Promise.all(ids.map((id) => findProduct(db, id)))).filter(
    (product) => product?.state === 'published',
  );
  return {
    url: issuer + pathOf(version, set),
    asksToken: version.authServerId !== 'none',
    asksKey: products.length > 0 && products.every((product) => product?.subscriptionRequired === true),
  };
}
