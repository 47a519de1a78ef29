import { Invalid } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import type { Row, TenantDb, Vault } from '../store/index.js';
import { checkStrength, hashSecret, hintOf, newSecret, type KeyType, type Secret } from './secrets.js';

/** Whose secrets: the table that keeps them, and its column that names the owner. */
export interface SecretsTable {
  table: string;
  owner: string;
}

export const CLIENT_SECRETS: SecretsTable = { table: 'client_secrets', owner: 'client_row_id' };
export const API_RESOURCE_SECRETS: SecretsTable = { table: 'api_resource_secrets', owner: 'resource_id' };

const MOST_LIVE = 10;

export const toSecret = (row: Row): Secret => ({
  id: row['id'] as string,
  hash: row['hash'] as string,
  hint: row['hint'] as string,
  description: row['description'] as string | null,
  createdAt: row['created_at'] as number,
  expiresAt: row['expires_at'] as number | null,
});

/** The secrets of several owners, each one's oldest first. */
export async function secretsByOwner(
  db: TenantDb,
  { table, owner }: SecretsTable,
  ownerIds: readonly string[],
): Promise<Map<string, Secret[]>> {
  const found = new Map<string, Secret[]>(ownerIds.map((id) => [id, []]));
  const rows = (await db
    .from(table)
    .whereIn(owner, [...ownerIds])
    .orderBy(['created_at', 'id'])) as Row[];
  for (const row of rows) found.get(row[owner] as string)?.push(toSecret(row));
  return found;
}

export const secretsOf = async (db: TenantDb, place: SecretsTable, ownerId: string): Promise<Secret[]> =>
  (await secretsByOwner(db, place, [ownerId])).get(ownerId) ?? [];

/** What is said of a new secret; all of it may be left to the product. */
export interface NewSecret {
  /** One that the caller brings; a random one where there is none. */
  plaintext?: string | undefined;
  keyType?: KeyType | undefined;
  description?: string | null | undefined;
  /** Epoch milliseconds. */
  expiresAt?: number | null | undefined;
}

/**
 * Gives an owner one more secret and answers it, for the only time. Several may live at once, so that one can be rotated.
 * @throws Invalid
 */
export async function addSecret(
  db: TenantDb,
  vault: Vault,
  { table, owner }: SecretsTable,
  ownerId: string,
  { plaintext = newSecret(), keyType = 'Sha256', description = null, expiresAt = null }: NewSecret = {},
): Promise<Secret & { plaintext: string }> {
  checkStrength(plaintext);
  const now = Date.now();
  if (expiresAt !== null && expiresAt <= now) throw new Invalid('expiresAt', 'must be in the future');
  const live = (await secretsOf(db, { table, owner }, ownerId)).filter(
    (secret) => secret.expiresAt === null || secret.expiresAt > now,
  );
  if (live.length >= MOST_LIVE)
    throw new Invalid('secrets', `there are ${live.length} live secrets already; remove some first`);
  const secret: Secret = {
    id: newId(),
    hash: hashSecret(vault, plaintext, keyType),
    hint: hintOf(plaintext),
    description,
    createdAt: now,
    expiresAt,
  };
  await db.insert(table, {
    id: secret.id,
    [owner]: ownerId,
    hash: secret.hash,
    hint: secret.hint,
    description,
    created_at: now,
    expires_at: expiresAt,
  });
  return { ...secret, plaintext };
}

/** Removes every secret of an owner that is not among these. @throws Invalid for one that it does not have */
export async function keepSecrets(
  db: TenantDb,
  place: SecretsTable,
  ownerId: string,
  kept: readonly string[],
): Promise<void> {
  const has = new Set((await secretsOf(db, place, ownerId)).map(({ id }) => id));
  const stranger = kept.find((id) => !has.has(id));
  if (stranger !== undefined) throw new Invalid('secrets', `there is no secret "${stranger}" here`);
  await db
    .from(place.table)
    .where({ [place.owner]: ownerId })
    .whereNotIn('id', [...kept])
    .delete();
}
