import { createHash } from 'node:crypto';
import { newId } from '../../kernel/ids.js';
import { hintOf, newSecret } from '../../secrets/index.js';
import type { Row, TenantDb } from '../../store/index.js';
import type { ProductKey } from './types.js';

export type Which = 'primary' | 'secondary';

/** What is stored of a key. It is random, so a fast hash is enough: nobody can guess one. */
export const hashProductKey = (key: string): string => createHash('sha256').update(key).digest('base64url');

const toKey = (row: Row): ProductKey => ({
  id: row['id'] as string,
  productId: row['product_id'] as string,
  name: row['name'] as string,
  clientId: row['client_id'] as string | null,
  state: row['state'] as ProductKey['state'],
  expiresAt: row['expires_at'] as number | null,
  hints: { primary: row['primary_hint'] as string, secondary: row['secondary_hint'] as string },
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

export { toKey };

export const keysOf = (db: TenantDb, productId: string) =>
  db.from('api_product_keys').where({ product_id: productId });

/** A key pair of a product, and nobody else changes it before the transaction ends. */
export async function lockKey(db: TenantDb, productId: string, id: string): Promise<ProductKey | undefined> {
  const row = (await keysOf(db, productId).where({ id }).forNoKeyUpdate().first()) as Row | undefined;
  return row && toKey(row);
}

const keyColumns = (which: Which, key: string): Record<string, string> => ({
  [`${which}_hash`]: hashProductKey(key),
  [`${which}_hint`]: hintOf(key),
});

/** Gives a product one more pair of keys, which are answered for the only time. */
export async function insertKey(
  db: TenantDb,
  { productId, name, clientId, expiresAt }: Pick<ProductKey, 'productId' | 'name' | 'clientId' | 'expiresAt'>,
): Promise<ProductKey & { primaryKey: string; secondaryKey: string }> {
  const [id, now, primaryKey, secondaryKey] = [newId(), Date.now(), newSecret(), newSecret()];
  await db.insert('api_product_keys', {
    id,
    product_id: productId,
    name,
    client_id: clientId,
    state: 'active',
    expires_at: expiresAt,
    ...keyColumns('primary', primaryKey),
    ...keyColumns('secondary', secondaryKey),
    created_at: now,
    updated_at: now,
  });
  const hints = { primary: hintOf(primaryKey), secondary: hintOf(secondaryKey) };
  const times = { createdAt: now, updatedAt: now };
  return {
    id,
    productId,
    name,
    clientId,
    state: 'active',
    expiresAt,
    hints,
    ...times,
    primaryKey,
    secondaryKey,
  };
}

export async function updateKey(db: TenantDb, key: ProductKey): Promise<ProductKey> {
  const updatedAt = Date.now();
  await keysOf(db, key.productId)
    .where({ id: key.id })
    .update({ name: key.name, state: key.state, expires_at: key.expiresAt, updated_at: updatedAt });
  return { ...key, updatedAt };
}

/** Takes another key in the place of one of a pair; the one before does not work any more. */
export async function regenerateKey(
  db: TenantDb,
  { id, productId }: ProductKey,
  which: Which,
): Promise<string> {
  const key = newSecret();
  await keysOf(db, productId)
    .where({ id })
    .update({ ...keyColumns(which, key), updated_at: Date.now() });
  return key;
}

export const deleteKey = async (db: TenantDb, { id, productId }: ProductKey): Promise<void> =>
  void (await keysOf(db, productId).where({ id }).delete());
