import {
  defineList,
  defineOperation,
  NEWEST_COLUMNS,
  NEWEST_LIST,
  pageOf,
  shapes,
  type AnyOperation,
} from '../../api/index.js';
import { isBuiltInClient, rightsOfClient } from '../../clients/index.js';
import type { TenantDb } from '../../store/index.js';
import { onlyForTenant, ofGateway } from './api.js';
import { gatewayChanged } from './changes.js';
import { deleteKey, insertKey, keysOf, lockKey, regenerateKey, toKey, updateKey } from './key-store.js';
import { KEY, KEY_CHANGE, NEW_KEY, REGENERATE, REGENERATED, SHOWN_KEY } from './product-schemas.js';
import { findProduct, lockProduct } from './product-store.js';
import { OF_TENANT } from './products.js';
import { missing, refused } from './problems.js';
import { paramsWith } from './schemas.js';
import type { CatalogueBase, ProductKey } from './types.js';

const ONE = paramsWith('keyId');

const shown = <T extends ProductKey>({ productId: _product, expiresAt, ...key }: T) => ({
  ...shapes.withTimes(key),
  expiresAt: expiresAt === null ? null : shapes.iso(expiresAt),
});

/** @param before of a key that is there, which may have expired. @throws Failure: 422 for a time that has passed */
function endOf(expiresAt: string | null, before: number | null = null): number | null {
  const end = expiresAt === null ? null : Date.parse(expiresAt);
  if (end !== null && end !== before && end <= Date.now())
    throw refused('expiresAt', 'future', 'must be in the future');
  return end;
}

async function keyAt(db: TenantDb, { id, keyId }: { id: string; keyId: string }): Promise<ProductKey> {
  const key = await lockKey(db, id, keyId);
  if (!key) throw missing('key', keyId);
  return key;
}

/** @throws Failure: 422 */
async function checkClient(db: TenantDb, clientId: string | null): Promise<void> {
  if (clientId === null || isBuiltInClient(clientId) || (await rightsOfClient(db, clientId))) return;
  throw refused('clientId', 'unknown', `there is no client "${clientId}" in this tenant`);
}

export const keyOperations = (base: CatalogueBase): readonly AnyOperation[] => [
  defineList({
    ...ofGateway.own('keys', 'GET', '/Products/{id}/Keys'),
    summary: 'List the keys of a product; the keys themselves are shown once, when they are made',
    schemas: { params: shapes.params, query: NEWEST_LIST, answer: KEY },
    async handle({ db, actor, params, query }) {
      onlyForTenant(actor);
      if (!(await findProduct(db, params.id))) throw missing('product', params.id);
      return pageOf(db, keysOf(db, params.id), query, NEWEST_COLUMNS, (row) => shown(toKey(row)));
    },
  }),
  defineOperation({
    ...ofGateway.own('postkey', 'POST', '/Products/{id}/Keys'),
    summary: 'Make a pair of keys of a product',
    example: { name: 'shop' },
    schemas: { params: shapes.params, body: NEW_KEY, answer: SHOWN_KEY },
    authority: OF_TENANT,
    async handle({ db, params, body }) {
      const product = await lockProduct(db, params.id);
      if (!product) throw missing('product', params.id);
      const clientId = body.clientId || null;
      await checkClient(db, clientId);
      const expiresAt = endOf(body.expiresAt ?? null);
      const key = await insertKey(db, { productId: product.id, name: body.name, clientId, expiresAt });
      await gatewayChanged(db);
      return shown(key);
    },
    finish: () => base.changed(),
  }),
  defineOperation({
    ...ofGateway.own('putkey', 'PUT', '/Products/{id}/Keys/{keyId}'),
    summary: 'Rename, suspend or resume a pair of keys, or end it at a time',
    example: { state: 'suspended' },
    schemas: { params: ONE, body: KEY_CHANGE, answer: KEY },
    authority: OF_TENANT,
    current: { answer: KEY, read: async ({ db, params }) => shown(await keyAt(db, params)) },
    async handle({ db, params, body }) {
      const key = await keyAt(db, params);
      const changed = await updateKey(db, {
        ...key,
        name: body.name ?? key.name,
        state: body.state ?? key.state,
        expiresAt: body.expiresAt === undefined ? key.expiresAt : endOf(body.expiresAt, key.expiresAt),
      });
      await gatewayChanged(db);
      return shown(changed);
    },
    finish: () => base.changed(),
  }),
  defineOperation({
    ...ofGateway.own('deletekey', 'DELETE', '/Products/{id}/Keys/{keyId}'),
    summary: 'Delete a pair of keys',
    schemas: { params: ONE, answer: shapes.DELETED },
    authority: OF_TENANT,
    async handle({ db, params }) {
      const key = await keyAt(db, params);
      await deleteKey(db, key);
      await gatewayChanged(db);
      return { id: key.id };
    },
    finish: () => base.changed(),
  }),
  defineOperation({
    ...ofGateway.own('regeneratekey', 'POST', '/Products/{id}/Keys/{keyId}/Regenerate'),
    summary: 'Replace one key of a pair; the other goes on working',
    example: { which: 'secondary' },
    schemas: { params: ONE, body: REGENERATE, answer: REGENERATED },
    authority: OF_TENANT,
    target: ({ params }) => params.keyId,
    async handle({ db, params, body: { which } }) {
      const key = await regenerateKey(db, await keyAt(db, params), which);
      await gatewayChanged(db);
      return { [`${which}Key`]: key };
    },
    finish: () => base.changed(),
  }),
];
