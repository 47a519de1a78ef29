import type { Row, TenantDb } from '../store/index.js';
import { keyOf } from './names.js';
import { KINDS } from './schema.js';

/** Those of these names for which a credential or rules are kept, as a user name or as a client identifier. */
export async function keptNames(db: TenantDb, names: readonly string[]): Promise<ReadonlySet<string>> {
  const byKey = new Map(names.map((name) => [keyOf(name), name]));
  const kept = new Set<string>();
  for (const table of ['mqtt_credentials', 'mqtt_acl']) {
    const rows = db.among(db.from(table).whereIn('kind', KINDS), 'name', [...byKey.keys()]);
    for (const row of await rows.distinct().select<Row[]>('name'))
      kept.add(byKey.get(row['name'] as string) as string);
  }
  return kept;
}
