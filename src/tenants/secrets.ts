import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import type { SealedColumn, Store, TenantDb, Vault } from '../store/index.js';

const sealRow = (tenantId: string, name: string): string => `tenant_secrets:${tenantId}:${name}`;

/** What this room keeps sealed, for rewrapping. */
export const TENANT_SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: 'tenant_secrets',
    key: ['tenant_id', 'name'],
    column: 'sealed',
    row: (row) => sealRow(row['tenant_id'] as string, row['name'] as string),
  },
];

/**
 * A secret of the tenant's own (cookie keys, pairwise salt), made at first use and sealed at rest. Answers 32 bytes;
 * two nodes that ask at once get the same.
 */
export async function tenantSecret(
  store: Store,
  vault: Vault,
  tenantId: string,
  name: string,
): Promise<Buffer> {
  const row = sealRow(tenantId, name);
  const select = store.prepare('SELECT sealed FROM tenant_secrets WHERE tenant_id = ? AND name = ?');
  const insert = store.prepare(
    'INSERT INTO tenant_secrets (tenant_id, name, sealed, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  let found = await select.first(tenantId, name);
  if (!found) {
    await insert.run(tenantId, name, vault.seal(randomBytes(32).toString('base64'), row), Date.now());
    found = await select.first(tenantId, name);
  }
  return Buffer.from(vault.open(found?.['sealed'] as string, row), 'base64');
}

/** The secrets that can be renewed, and what that ends. */
export const RENEWABLE_SECRETS = {
  cookies:
    'Every cookie of the tenant is refused: people sign in again, and a sign-in under way begins again. Tokens stay valid.',
  dpop: 'Every DPoP nonce is refused: an application gets a new one with the answer and repeats its request, as RFC 9449 (8) says.',
} as const;

export type RenewableSecret = keyof typeof RENEWABLE_SECRETS;

/** Renews a secret. Nodes use the new one as soon as they see that the tenant has changed. */
export function renewTenantSecret(db: TenantDb, vault: Vault, name: RenewableSecret): Promise<void> {
  const sealed = vault.seal(randomBytes(32).toString('base64'), sealRow(db.tenantId, name));
  return db.put('tenant_secrets', ['name'], { name, sealed, created_at: Date.now() });
}

const PROPERTY = 'property:';

/** The names of a tenant's secret properties, in order. */
export async function secretPropertiesOf(knex: Knex, tenantIds: string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>(tenantIds.map((id) => [id, []]));
  const rows = await knex('tenant_secrets')
    .whereIn('tenant_id', tenantIds)
    .where('name', 'like', `${PROPERTY}%`)
    .orderBy('name')
    .select<{ tenant_id: string; name: string }[]>('tenant_id', 'name');
  for (const row of rows) found.get(row.tenant_id)?.push(row.name.slice(PROPERTY.length));
  return found;
}

/** Seals secret properties; null takes one away. */
export async function setSecretProperties(
  knex: Knex,
  vault: Vault,
  tenantId: string,
  secrets: Record<string, string | null>,
): Promise<void> {
  for (const [property, value] of Object.entries(secrets)) {
    const name = `${PROPERTY}${property}`;
    await knex('tenant_secrets').where({ tenant_id: tenantId, name }).delete();
    if (value === null) continue;
    const sealed = vault.seal(value, sealRow(tenantId, name));
    await knex('tenant_secrets').insert({ tenant_id: tenantId, name, sealed, created_at: Date.now() });
  }
}
