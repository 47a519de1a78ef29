import { createHash } from 'node:crypto';
import type { Row } from '../store/index.js';
import { tenantSecret, type Tenant } from '../tenants/index.js';
import { loadCatalogue, type Catalogue } from './catalogue.js';
import { readKeys } from './keys/index.js';
import type { OidcBase } from './provider.js';

/** What the store has for a tenant's provider, except for its clients. */
export interface StoredParts {
  cookieKey: string;
  /** Where DPoP nonces come from: 32 bytes, the same on every node. */
  dpopSecret: Buffer;
  catalogue: Catalogue;
  keys: Row[];
  /** A hash of all of this and of the tenant without its version: two versions with equal digests need one provider. */
  digest: string;
}

/** Reads them, and makes the secrets and keys that the tenant does not have yet. */
export async function readStoredParts(
  { store, vault, revocations }: Pick<OidcBase, 'store' | 'vault' | 'revocations'>,
  { version: _version, updatedAt: _updatedAt, ...tenant }: Tenant,
): Promise<StoredParts> {
  const secret = (name: string): Promise<Buffer> => tenantSecret(store, vault, tenant.id, name);
  const cookieKey = (await secret('cookies')).toString('base64url');
  const dpopSecret = await secret('dpop');
  const catalogue = await loadCatalogue(store, revocations, tenant.id);
  const algorithms = catalogue.apis.map(({ signingAlg }) => signingAlg);
  const keys = await readKeys(store, vault, tenant.id, algorithms);
  const digest = createHash('sha256')
    .update(JSON.stringify([tenant, cookieKey, dpopSecret.toString('base64'), keys]))
    .update(catalogue.content())
    .digest('base64');
  return { cookieKey, dpopSecret, catalogue, keys, digest };
}
