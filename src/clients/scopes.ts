import { literal } from '../api/index.js';
import type { Used } from '../identity-resources/index.js';
import { parse } from '../kernel/json.js';
import type { Row, TenantDb } from '../store/index.js';
import type { ClientSettings } from './schema.js';

async function using(
  db: TenantDb,
  { api, scopes, served = false }: Used,
): Promise<{ id: string; settings: ClientSettings }[]> {
  const [first = ''] = scopes;
  // All scopes of an API begin with its name, so one look finds those that may have any of them.
  const sought = api === undefined ? JSON.stringify(first) : JSON.stringify(api).slice(0, -1);
  const rows = await db
    .from('clients')
    .whereRaw(`settings LIKE ? ESCAPE '\\'`, [`%${literal(sought)}%`])
    .select<Row[]>('id', 'settings');
  const among = new Set(scopes);
  return rows
    .map((row) => ({ id: row['id'] as string, settings: parse<ClientSettings>(row['settings']) }))
    .filter(
      ({ settings }) =>
        settings.scopes.some((scope) => among.has(scope)) ||
        (served && api !== undefined && settings.resources.includes(api)),
    );
}

/** How many clients may use it. */
export const countClientsUsing = async (db: TenantDb, used: Used): Promise<number> =>
  (await using(db, used)).length;

/** Takes it from every client that may use it. */
export async function takeFromClients(db: TenantDb, used: Used): Promise<void> {
  const gone = new Set(used.scopes);
  const without = (words: string[]): string[] => words.filter((word) => !gone.has(word));
  for (const { id, settings } of await using(db, used)) {
    const { scopes, defaultScopes, resources } = settings;
    const kept = {
      ...settings,
      scopes: without(scopes),
      ...(defaultScopes && { defaultScopes: without(defaultScopes) }),
      ...(used.served && { resources: resources.filter((name) => name !== used.api) }),
    };
    await db
      .from('clients')
      .where({ id })
      .update({ settings: JSON.stringify(kept), updated_at: Date.now() });
  }
}
