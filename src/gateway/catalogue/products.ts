import {
  confinedTo,
  containing,
  defineList,
  defineOperation,
  listQuery,
  NAMED_COLUMNS,
  NAMED_LIST,
  pageOf,
  shapes,
  type Actor,
  type AnyOperation,
  type Page,
} from '../../api/index.js';
import type { TenantDb } from '../../store/index.js';
import { isTimeZone } from '../policies/index.js';
import type { Quota, RateLimit } from '../types.js';
import { joining, ofApi, ofGateway } from './api.js';
import { gatewayChanged } from './changes.js';
import {
  deleteProduct,
  findProduct,
  firstUnknown,
  insertProduct,
  lockProduct,
  setVersionsOfProduct,
  toProduct,
  updateProduct,
  versionsOfProducts,
} from './product-store.js';
import { NEW_PRODUCT, PRODUCT, PRODUCT_CHANGE } from './product-schemas.js';
import { missing, refused } from './problems.js';
import { changed, withoutBlanks, type Given } from './settings.js';
import type { CatalogueBase, Product } from './types.js';

const QUERY = listQuery(NAMED_LIST);
const CASCADE = shapes.cascade('End the keys of the product that work.');

export const OF_TENANT = {
  untouched: 'products, keys and authorization servers hold no permission and no scope',
};

const shown = (product: Product, apiIds: readonly string[]) => ({
  ...shapes.withTimes(product),
  apiIds: [...apiIds],
});

/** The versions of products that the caller may see: confined callers see their own. */
async function apiIdsOf(
  db: TenantDb,
  actor: Actor | undefined,
  productIds: readonly string[],
): Promise<Map<string, string[]>> {
  const versions = await versionsOfProducts(db, productIds);
  const owner = confinedTo(actor);
  if (owner === undefined) return versions;
  const rows = await db
    .from('api_versions')
    .whereIn('api_resource_id', db.from('api_resources').where({ owner_user_key: owner }).select('id'))
    .select<{ id: string }[]>('id');
  const own = new Set(rows.map(({ id }) => id));
  return new Map([...versions].map(([product, ids]) => [product, ids.filter((id) => own.has(id))]));
}

const shownNow = async (db: TenantDb, actor: Actor | undefined, product: Product) =>
  shown(product, (await apiIdsOf(db, actor, [product.id])).get(product.id) ?? []);

async function readProduct(db: TenantDb, actor: Actor | undefined, id: string) {
  const product = await findProduct(db, id);
  if (!product) throw missing('product', id);
  return shownNow(db, actor, product);
}

interface ProductRequest {
  name?: string;
  description?: Given<string>;
  state?: Given<Product['state']>;
  subscriptionRequired?: Given<boolean>;
  apiIds?: Given<string[]>;
  rateLimit?: Given<Required<RateLimit>>;
  quota?: Given<Required<Quota>>;
}

/** A product as it is after a creation or a change. @throws Failure: 422 */
function productOf(body: ProductRequest, before?: Product) {
  const zone = body.quota?.timeZone;
  if (zone !== undefined && !isTimeZone(zone))
    throw refused('quota/timeZone', 'unknown', `"${zone}" is no time zone; name one such as Europe/Berlin`);
  return {
    name: body.name ?? before?.name ?? '',
    description: changed(body.description, before?.description ?? null, null),
    state: changed(body.state, before?.state ?? 'published', 'published'),
    subscriptionRequired: changed(body.subscriptionRequired, before?.subscriptionRequired ?? true, true),
    rateLimit: changed(body.rateLimit, before?.rateLimit ?? null, null),
    quota: changed(body.quota, before?.quota ?? null, null),
  };
}

/** @throws Failure: 422 for a version that is not there, 403 */
async function putApis(
  { db, actor }: { db: TenantDb; actor: Actor | undefined },
  productId: string,
  { apiIds }: ProductRequest,
): Promise<void> {
  if (apiIds === undefined) return;
  const wanted = apiIds ?? [];
  const at = await firstUnknown(db, 'api_versions', wanted);
  if (at !== undefined)
    throw refused(`apiIds/${at}`, 'unknown', `"${wanted[at]}" is no apiId of a published version`);
  await setVersionsOfProduct(db, productId, wanted, () => joining.api(actor));
}

interface ListCall {
  db: TenantDb;
  actor: Actor | undefined;
  query: Parameters<typeof pageOf>[2] & { 'q.name'?: string };
}

async function listProducts({ db, actor, query }: ListCall): Promise<Page<ReturnType<typeof shown>>> {
  const rows = containing(db.from('api_products'), 'name', query['q.name']);
  const page = await pageOf(db, rows, query, NAMED_COLUMNS, toProduct);
  const ids = await apiIdsOf(
    db,
    actor,
    page.rows.map(({ id }) => id),
  );
  return { ...page, rows: page.rows.map((product) => shown(product, ids.get(product.id) ?? [])) };
}

const reading: readonly AnyOperation[] = [
  defineList({
    ...ofApi.own('products', 'GET', '/Products'),
    summary: 'List products',
    schemas: { query: QUERY, answer: PRODUCT },
    handle: listProducts,
  }),
  defineList({
    ...ofGateway.own('products', 'GET', '/Products'),
    summary: 'List products',
    schemas: { query: QUERY, answer: PRODUCT },
    handle: listProducts,
  }),
  defineOperation({
    ...ofGateway.own('products', 'GET', '/Products/{id}'),
    id: 'gateway.product',
    summary: 'Read a product',
    schemas: { params: shapes.params, answer: PRODUCT },
    handle: ({ db, actor, params }) => readProduct(db, actor, params.id),
  }),
];

export const productOperations = (base: CatalogueBase): readonly AnyOperation[] => [
  ...reading,
  defineOperation({
    ...ofGateway.own('postproduct', 'POST', '/Products'),
    summary: 'Make a product: versions of APIs that callers subscribe to together',
    example: { name: 'Starter', rateLimit: { calls: 100, seconds: 60 } },
    schemas: { body: NEW_PRODUCT, answer: PRODUCT },
    authority: OF_TENANT,
    async handle({ db, actor, body: sent }) {
      const body = withoutBlanks<ProductRequest>(sent);
      const product = await insertProduct(db, productOf(body));
      await putApis({ db, actor }, product.id, body);
      await gatewayChanged(db);
      return shownNow(db, actor, product);
    },
    finish: () => base.changed(),
  }),
  defineOperation({
    ...ofGateway.own('putproduct', 'PUT', '/Products/{id}'),
    summary: 'Change a product',
    example: { state: 'notPublished' },
    schemas: { params: shapes.params, body: PRODUCT_CHANGE, answer: PRODUCT },
    authority: OF_TENANT,
    current: { answer: PRODUCT, read: ({ db, actor, params }) => readProduct(db, actor, params.id) },
    async handle({ db, actor, params, body: sent }) {
      const body = withoutBlanks<ProductRequest>(sent);
      const before = await lockProduct(db, params.id);
      if (!before) throw missing('product', params.id);
      const product = await updateProduct(db, before, productOf(body, before));
      await putApis({ db, actor }, product.id, body);
      await gatewayChanged(db);
      return shownNow(db, actor, product);
    },
    finish: () => base.changed(),
  }),
  defineOperation({
    ...ofGateway.own('deleteproduct', 'DELETE', '/Products/{id}'),
    summary: 'Delete a product with its keys',
    schemas: { params: shapes.params, query: CASCADE, answer: shapes.DELETED },
    authority: OF_TENANT,
    async handle({ db, params, query }) {
      if (!(await findProduct(db, params.id))) throw missing('product', params.id);
      await deleteProduct(db, params.id, query.cascade ?? false);
      await gatewayChanged(db);
      return { id: params.id };
    },
    finish: () => base.changed(),
  }),
];
