import { literal } from '../api/index.js';
import { parse } from '../kernel/json.js';
import type { Row, TenantDb } from '../store/index.js';
import type { ClientSettings } from './schema.js';

async function asking(db: TenantDb, scope: string): Promise<{ id: string; settings: ClientSettings }[]> {
  const rows = await db
    .from('clients')
    .whereRaw(`settings LIKE ? ESCAPE '\\'`, [`%${literal(JSON.stringify(scope))}%`])
    .select<Row[]>('id', 'settings');
  return rows
    .map((row) => ({ id: row['id'] as string, settings: parse<ClientSettings>(row['settings']) }))
    .filter(({ settings }) => settings.scopes.includes(scope));
}

/** How many clients may ask for a scope. */
export const countClientsWithScope = async (db: TenantDb, scope: string): Promise<number> =>
  (await asking(db, scope)).length;

/** Takes a scope from every client that may ask for it. */
export async function takeScopeFromClients(db: TenantDb, scope: string): Promise<void> {
  const without = (words: string[]): string[] => words.filter((word) => word !== scope);
  for (const { id, settings } of await asking(db, scope)) {
    const { scopes, defaultScopes } = settings;
    const kept = {
      ...settings,
      scopes: without(scopes),
      ...(defaultScopes && { defaultScopes: without(defaultScopes) }),
    };
    await db
      .from('clients')
      .where({ id })
      .update({ settings: JSON.stringify(kept), updated_at: Date.now() });
  }
}
