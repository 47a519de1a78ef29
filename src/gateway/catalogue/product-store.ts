import { Conflict } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { parse } from '../../kernel/json.js';
import { foldName } from '../../kernel/names.js';
import { uniquely, type Row, type TenantDb } from '../../store/index.js';
import type { Quota, RateLimit } from '../types.js';
import type { Product } from './types.js';

const orNull = <T>(json: unknown): T | null => (json === null ? null : parse<T>(json));

export const toProduct = (row: Row): Product => ({
  id: row['id'] as string,
  name: row['name'] as string,
  description: row['description'] as string | null,
  state: row['state'] as Product['state'],
  subscriptionRequired: Boolean(row['subscription_required']),
  rateLimit: orNull<Required<RateLimit>>(row['rate_limit']),
  quota: orNull<Required<Quota>>(row['quota']),
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

export async function findProduct(db: TenantDb, id: string): Promise<Product | undefined> {
  const row = (await db.from('api_products').where({ id }).first()) as Row | undefined;
  return row && toProduct(row);
}

/** The same, and nobody else changes it before the transaction ends. Versions and keys refer to it meanwhile. */
export async function lockProduct(db: TenantDb, id: string): Promise<Product | undefined> {
  const row = (await db.from('api_products').where({ id }).forNoKeyUpdate().first()) as Row | undefined;
  return row && toProduct(row);
}

export type NewProduct = Omit<Product, 'id' | 'createdAt' | 'updatedAt'>;

const nameColumns = ({ name }: NewProduct): Record<string, string> => ({ name, name_key: foldName(name) });

const otherColumns = (product: NewProduct): Record<string, unknown> => ({
  description: product.description,
  state: product.state,
  subscription_required: product.subscriptionRequired,
  rate_limit: product.rateLimit && JSON.stringify(product.rateLimit),
  quota: product.quota && JSON.stringify(product.quota),
});

function naming<T>(name: string, write: () => Promise<T>): Promise<T> {
  const taken: [string, string] = [
    'name',
    `another product has the name "${name}", in this or another case; choose another one`,
  ];
  return uniquely({ api_products_name: taken, api_products_name_key: taken }, write);
}

/** @throws Conflict when the name is taken */
export async function insertProduct(db: TenantDb, product: NewProduct): Promise<Product> {
  const [id, now] = [newId(), Date.now()];
  await naming(product.name, () =>
    db.insert('api_products', {
      id,
      ...nameColumns(product),
      ...otherColumns(product),
      created_at: now,
      updated_at: now,
    }),
  );
  return { ...product, id, createdAt: now, updatedAt: now };
}

/**
 * A name that stays keeps its key: another product can have it in another case since before that was refused (migration 44).
 * @throws Conflict when a new name is taken
 */
export async function updateProduct(db: TenantDb, before: Product, after: NewProduct): Promise<Product> {
  const product = { ...before, ...after };
  const updatedAt = Date.now();
  await naming(product.name, async () =>
    db
      .from('api_products')
      .where({ id: product.id })
      .update({
        ...(product.name !== before.name && nameColumns(product)),
        ...otherColumns(product),
        updated_at: updatedAt,
      }),
  );
  return { ...product, updatedAt };
}

/** Deletes a product; its keys go with it where `cascade` says so. @throws Conflict that says how many keys live */
export async function deleteProduct(db: TenantDb, id: string, cascade: boolean): Promise<void> {
  await db.from('api_products').where({ id }).forUpdate().first('id');
  const live = db
    .from('api_product_keys')
    .where({ product_id: id, state: 'active' })
    .where((some) => void some.whereNull('expires_at').orWhere('expires_at', '>', Date.now()));
  const { keys } = (await live.count({ keys: '*' }).first()) as { keys: number | string };
  if (Number(keys) > 0 && !cascade)
    throw new Conflict('keys', `keys of this product that work: ${keys}; end them, or add cascade=true`, {
      keys: Number(keys),
    });
  await db.from('api_products').where({ id }).delete();
}

/** The relation of products and versions, read from one side: id → ids of the other. */
async function related(
  db: TenantDb,
  [own, other]: readonly [string, string],
  ids: readonly string[],
): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>(ids.map((id) => [id, []]));
  const rows = (await db.among(db.from('api_product_versions'), own, ids).orderBy(other)) as Row[];
  for (const row of rows) found.get(row[own] as string)?.push(row[other] as string);
  return found;
}

/** Makes the ids of the other side those that are given. @param mayAdd throws where the caller may add none. */
async function relate(
  [own, other]: readonly [string, string],
  db: TenantDb,
  id: string,
  wanted: readonly string[],
  mayAdd: () => void,
): Promise<void> {
  const has = (await related(db, [own, other], [id])).get(id) ?? [];
  const added = wanted.filter((one) => !has.includes(one));
  if (added.length > 0) mayAdd();
  for (const each of has.filter((one) => !wanted.includes(one)))
    await db
      .from('api_product_versions')
      .where({ [own]: id, [other]: each })
      .delete();
  // Another call may add the same pair from the other side at the same moment.
  for (const each of added)
    await db.ensure('api_product_versions', [own, other], { [own]: id, [other]: each });
}

const OF_PRODUCT = ['product_id', 'version_id'] as const;
const OF_VERSION = ['version_id', 'product_id'] as const;

export const versionsOfProducts = (db: TenantDb, ids: readonly string[]) => related(db, OF_PRODUCT, ids);
export const productsOfVersions = (db: TenantDb, ids: readonly string[]) => related(db, OF_VERSION, ids);
export const setVersionsOfProduct = relate.bind(undefined, OF_PRODUCT);
export const setProductsOfVersion = relate.bind(undefined, OF_VERSION);

type RelatedTable = 'api_products' | 'api_versions';

/** Those of these ids that are there. They stay until the transaction ends. */
async function held(db: TenantDb, table: RelatedTable, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db.among(db.from(table), 'id', ids).orderBy('id').forKeyShare().select<Row[]>('id');
  return new Set(rows.map((row) => row['id'] as string));
}

/**
 * The first of these ids that nothing has, by its place in the list. Those that are there stay until the transaction ends.
 */
export async function firstUnknown(
  db: TenantDb,
  table: RelatedTable,
  ids: readonly string[],
): Promise<number | undefined> {
  const known = await held(db, table, ids);
  const at = ids.findIndex((id) => !known.has(id));
  return at === -1 ? undefined : at;
}

/** Puts a new version into the products that another one is in, but for those that are deleted at the same moment. */
export async function copyProducts(db: TenantDb, from: string, to: string): Promise<void> {
  const products = (await productsOfVersions(db, [from])).get(from) ?? [];
  const kept = await held(db, 'api_products', products);
  // The version that is copied is in them already.
  await setProductsOfVersion(db, to, [...kept], () => undefined);
}
