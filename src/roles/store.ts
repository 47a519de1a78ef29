import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import type { Row, TenantDb } from '../store/index.js';
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

export async function rolesOfUser(db: TenantDb, userId: string): Promise<Role[]> {
  const rows = await db
    .from('roles')
    .join('user_roles', (join) =>
      join.on('user_roles.role_id', 'roles.id').andOn('user_roles.tenant_id', 'roles.tenant_id'),
    )
    .where('user_roles.user_id', userId)
    .orderBy('roles.name')
    .select<Row[]>('roles.*');
  return rows.map(toRole);
}
