import type { Knex } from 'knex';
import { newId } from '../../kernel/ids.js';
import { parse } from '../../kernel/json.js';
import { uniquely, type Row, type TenantDb } from '../../store/index.js';
import { publicAddress } from './address.js';
import type { HistoryEntry, HistoryFields } from './types.js';

const TABLE = 'sdk_history';

export const toEntry = (row: Row): HistoryEntry => ({
  id: row['id'] as string,
  sdkName: row['sdk_name'] as string,
  language: row['language'] as string,
  version: row['version'] as string,
  swaggerUrl: row['swagger_url'] as string | null,
  tags: parse<string[]>(row['tags']),
  releaseDate: Number(row['release_date']),
  createdAt: Number(row['created_at']),
  updatedAt: Number(row['updated_at']),
});

const rowOf = (apiId: string, entry: HistoryEntry): Record<string, unknown> => ({
  id: entry.id,
  api_resource_id: apiId,
  sdk_name: entry.sdkName,
  language: entry.language,
  version: entry.version,
  swagger_url: entry.swaggerUrl,
  tags: JSON.stringify(entry.tags),
  release_date: entry.releaseDate,
  created_at: entry.createdAt,
  updated_at: entry.updatedAt,
});

function newEntry(fields: HistoryFields): HistoryEntry {
  const now = Date.now();
  const swaggerUrl = fields.swaggerUrl === null ? null : publicAddress(fields.swaggerUrl);
  return { id: newId(), ...fields, swaggerUrl, createdAt: now, updatedAt: now };
}

/** What `orderby` may say, and its column. */
export const HISTORY_COLUMNS = { createdAt: 'created_at', releaseDate: 'release_date' };

export const historyOf = (db: TenantDb, apiId: string): Knex.QueryBuilder =>
  db.from(TABLE).where({ api_resource_id: apiId });

/** How many releases an API has, up to `most`. */
export async function countHistory(db: TenantDb, apiId: string, most: number): Promise<number> {
  const some = (await historyOf(db, apiId).select('id').limit(most)) as unknown[];
  return some.length;
}

/** @throws Conflict where the API has a release of this name, language and version */
export async function insertHistory(
  db: TenantDb,
  apiId: string,
  fields: HistoryFields,
): Promise<HistoryEntry> {
  const entry = newEntry(fields);
  const { sdkName, language, version } = fields;
  const said = `version ${version} of "${sdkName}" for ${language} is in the history already; take another version`;
  await uniquely({ sdk_history_version: ['version', said] }, () => db.insert(TABLE, rowOf(apiId, entry)));
  return entry;
}

/** Writes a release, unless it is there. */
export const ensureHistory = (db: TenantDb, apiId: string, fields: HistoryFields): Promise<void> =>
  db.ensure(TABLE, ['api_resource_id', 'sdk_name', 'language', 'version'], rowOf(apiId, newEntry(fields)));
