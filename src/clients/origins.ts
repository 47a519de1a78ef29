import { literal } from '../api/index.js';
import { parse } from '../kernel/json.js';
import { originSpellings } from '../kernel/web-addresses.js';
import type { Row, TenantDb } from '../store/index.js';
import type { Client, ClientSettings } from './schema.js';

/** Origins that may call from a browser for this client: those registered, and a public client's own. */
export function mayCallFrom({ settings }: Pick<Client, 'settings'>, origin: string): boolean {
  const { corsOrigins, redirectUris, tokenEndpointAuthMethod } = settings;
  if (origin === 'null') return false;
  if (corsOrigins.some((registered) => originSpellings(origin).includes(registered))) return true;
  return tokenEndpointAuthMethod === 'none' && redirectUris.some((uri) => URL.parse(uri)?.origin === origin);
}

/** Whether some enabled client of the tenant lives at this origin. */
export async function isClientOrigin(db: TenantDb, origin: string): Promise<boolean> {
  const rows = await db
    .from('clients')
    .where({ enabled: true })
    .where((any) => {
      for (const spelling of originSpellings(origin))
        void any.orWhereRaw(`settings LIKE ? ESCAPE '\\'`, [
          `%${literal(JSON.stringify(spelling).slice(1, -1))}%`,
        ]);
    })
    .select<Row[]>('settings');
  return rows.some(({ settings }) => mayCallFrom({ settings: parse<ClientSettings>(settings) }, origin));
}
