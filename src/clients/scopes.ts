import { literal } from '../api/index.js';
import type { Words } from '../api-resources/index.js';
import type { Used } from '../identity-resources/index.js';
import { parse } from '../kernel/json.js';
import type { Row, TenantDb } from '../store/index.js';
import type { ClientSettings } from './schema.js';

/** Where the scopes stand that applications may register for, and what tells the rows apart. */
const REGISTRATIONS = { initial_access_tokens: 'id', client_registrations: 'client_row_id' };

/** Rows whose document can name what is used. All scopes of an API begin with its name, so one look finds any of them. */
function naming(db: TenantDb, table: string, column: string, { api, scopes: [first = ''] }: Used) {
  const sought = api === undefined ? JSON.stringify(first) : JSON.stringify(api).slice(0, -1);
  return mentioning(db, table, column, sought);
}

/** Rows whose column may name it, in any case: compare what is found. */
const mentioning = (db: TenantDb, table: string, column: string, sought: string) =>
  db.from(table).whereRaw(`LOWER(??) LIKE ? ESCAPE '\\'`, [column, `%${literal(sought.toLowerCase())}%`]);

/** How many clients, and what they may register for, have one of the words as a scope, or serve such an API. */
export async function countClientsWith(
  db: TenantDb,
  { begin, includes }: Words,
  serves: (api: string) => boolean = () => false,
): Promise<number> {
  const sought = JSON.stringify(begin).slice(0, -1);
  const clients = await mentioning(db, 'clients', 'settings', sought).select<Row[]>('settings');
  let number = clients.filter((row) => {
    const { scopes, resources } = parse<ClientSettings>(row['settings']);
    return scopes.some(includes) || resources.some(serves);
  }).length;
  for (const table of Object.keys(REGISTRATIONS)) {
    const rows = await mentioning(db, table, 'scopes', sought).select<Row[]>('scopes');
    number += rows.filter((row) => parse<string[]>(row['scopes']).some(includes)).length;
  }
  return number;
}

async function using(db: TenantDb, used: Used): Promise<{ id: string; settings: ClientSettings }[]> {
  const { api, scopes, served = false } = used;
  const rows = await naming(db, 'clients', 'settings', used).select<Row[]>('id', 'settings');
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

/** Takes it from every client that may use it, and from what clients may register for: another may take the name. */
export async function takeFromClients(db: TenantDb, used: Used): Promise<void> {
  const gone = new Set(used.scopes);
  const without = (words: string[]): string[] => words.filter((word) => !gone.has(word));
  await takeFromRegistrations(db, used, without);
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

async function takeFromRegistrations(
  db: TenantDb,
  used: Used,
  without: (words: string[]) => string[],
): Promise<void> {
  for (const [table, key] of Object.entries(REGISTRATIONS))
    for (const row of await naming(db, table, 'scopes', used).select<Row[]>(key, 'scopes')) {
      const scopes = parse<string[]>(row['scopes']);
      const kept = without(scopes);
      if (kept.length < scopes.length)
        await db
          .from(table)
          .where({ [key]: row[key] })
          .update({ scopes: JSON.stringify(kept) });
    }
}
