import type { Row, Store } from '../../store/index.js';
import { tenantDb } from '../../store/index.js';
import { documentReader } from '../catalogue/documents.js';
import { apiReader } from '../catalogue/live-read.js';
import type { LiveApi } from '../types.js';

/**
 * The APIs of a tenant that are published and enabled, by their suffixes.
 * @param suffix of one API; of all where it is left out.
 */
export async function readApis(store: Store, tenantId: string, suffix?: string): Promise<LiveApi[]> {
  const sets = tenantDb(store.knex, tenantId).from('api_version_sets').orderBy('suffix');
  if (suffix !== undefined) void sets.where({ suffix });
  const read = apiReader(store, documentReader(store));
  const apis: LiveApi[] = [];
  for (const row of await sets.select<Row[]>('suffix')) {
    const found = await read(tenantId, row['suffix'] as string);
    if (found && found.api.versions.size > 0) apis.push(found.api);
  }
  return apis;
}
