import { randomBytes } from 'node:crypto';
import type { SealedColumn, Store, Vault } from '../store/index.js';

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
