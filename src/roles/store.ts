import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import type { Row, Store, TenantDb } from '../store/index.js';
import type { Claim, NewRole, Role } from './schema.js';

const toRole = (row: Row): Role => ({
  id: row['id'] as string,
  name: row['name'] as string,
  displayName: row['display_name'] as string | null,
  description: row['description'] as string | null,
  claims: parse<Claim[]>(row['claims']),
});

export async function insertRole(db: TenantDb, role: NewRole): Promise<Role> {
  const id = newId();
  const now = Date.now();
  await db.insert('roles', {
    id,
    name: role.name,
    display_name: role.displayName,
    description: role.description,
    claims: JSON.stringify(role.claims),
    created_at: now,
    updated_at: now,
  });
  return { id, ...role };
}

/** The roles that go by these names; a name that nobody has is simply not among them. */
export async function rolesByName(db: TenantDb, names: string[]): Promise<Role[]> {
  return ((await db.from('roles').whereIn('name', names).orderBy('name')) as Row[]).map(toRole);
}

/** The hot look-up: what a user is. */
export function roleFinder(store: Store): (tenantId: string, userId: string) => Promise<Role[]> {
  const select = store.prepare(
    `SELECT r.* FROM user_roles u JOIN roles r ON r.tenant_id = u.tenant_id AND r.id = u.role_id
     WHERE u.tenant_id = ? AND u.user_id = ? ORDER BY r.name`,
  );
  return async (tenantId, userId) => (await select.all(tenantId, userId)).map(toRole);
}
