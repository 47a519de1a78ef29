import { literal } from '../api/index.js';
import type { PermissionHolders, Words } from '../api-resources/index.js';
import { parse } from '../kernel/json.js';
import { rowsInPages, type TenantDb } from '../store/index.js';
import type { Claim } from './schema.js';

/** What has claims of its own; users who were deleted can do nothing with theirs. */
const TABLES = ['roles', 'users'] as const;

/** Roles or users with one of these permissions, each with the claims that it keeps without them. */
async function* holding(
  db: TenantDb,
  table: (typeof TABLES)[number],
  permissions: Words,
): AsyncGenerator<{ id: string; kept: Claim[] }> {
  const goes = ({ type, value }: Claim): boolean => type === 'permission' && permissions.includes(value);
  const candidates = () => {
    const rows = db
      .from(table)
      .whereRaw(`LOWER(claims) LIKE ? ESCAPE '\\'`, [`%"${literal(permissions.begin.toLowerCase())}.%`]);
    return (table === 'users' ? rows.whereNull('deleted_at') : rows).select('id', 'claims');
  };
  for await (const row of rowsInPages(candidates)) {
    const claims = parse<Claim[]>(row['claims']);
    const kept = claims.filter((claim) => !goes(claim));
    if (kept.length < claims.length) yield { id: row['id'] as string, kept };
  }
}

async function count(db: TenantDb, table: (typeof TABLES)[number], permissions: Words): Promise<number> {
  let number = 0;
  for await (const _one of holding(db, table, permissions)) number++;
  return number;
}

/** The roles and users that have permissions of an API. */
export const permissionHolders: PermissionHolders = {
  async count(db, permissions) {
    return { roles: await count(db, 'roles', permissions), users: await count(db, 'users', permissions) };
  },
  async takeAway(db, permissions) {
    for (const table of TABLES)
      for await (const { id, kept } of holding(db, table, permissions))
        await db
          .from(table)
          .where({ id })
          .update({ claims: JSON.stringify(kept), updated_at: Date.now() });
  },
};
