import { Conflict, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import { uniquely, type Row, type Store, type TenantDb } from '../store/index.js';
import type { Claim, NewRole, Role } from './schema.js';

export const toRole = (row: Row): Role => ({
  id: row['id'] as string,
  name: row['name'] as string,
  displayName: row['display_name'] as string | null,
  description: row['description'] as string | null,
  claims: parse<Claim[]>(row['claims']),
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

/** @throws Conflict */
const naming = <T>(name: string | undefined, write: () => Promise<T>): Promise<T> =>
  uniquely({ roles_name: ['name', `another role has the name "${name}"`] }, write);

const found = (id: string, row: Row | undefined): Role => {
  if (!row) throw new NotFound('role', `there is no role "${id}" in this tenant`);
  return toRole(row);
};

/** @throws NotFound */
export const findRole = async (db: TenantDb, id: string): Promise<Role> =>
  found(id, (await db.from('roles').where({ id }).first()) as Row | undefined);

/** The same, and nobody else changes it before the transaction ends. @throws NotFound */
export const lockRole = async (db: TenantDb, id: string): Promise<Role> =>
  found(id, (await db.from('roles').where({ id }).forUpdate().first()) as Row | undefined);

/** @throws Conflict when the name is taken */
export async function insertRole(db: TenantDb, role: NewRole): Promise<Role> {
  const id = newId();
  const now = Date.now();
  await naming(role.name, () =>
    db.insert('roles', {
      id,
      name: role.name,
      display_name: role.displayName,
      description: role.description,
      claims: JSON.stringify(role.claims),
      created_at: now,
      updated_at: now,
    }),
  );
  return { ...role, id, createdAt: now, updatedAt: now };
}

/** Changes what is given and leaves the rest. @throws NotFound, Conflict */
export async function updateRole(
  db: TenantDb,
  id: string,
  { name, displayName, description, claims }: Partial<NewRole>,
): Promise<Role> {
  await lockRole(db, id);
  await naming(name, async () =>
    db
      .from('roles')
      .where({ id })
      .update({
        ...(name !== undefined && { name }),
        ...(displayName !== undefined && { display_name: displayName }),
        ...(description !== undefined && { description }),
        ...(claims !== undefined && { claims: JSON.stringify(claims) }),
        updated_at: Date.now(),
      }),
  );
  return findRole(db, id);
}

/**
 * Deletes a role that nobody has, or takes it from everybody first.
 * @throws NotFound, Conflict that says how many have it
 */
export async function deleteRole(db: TenantDb, id: string, cascade: boolean): Promise<void> {
  await lockRole(db, id);
  const held = db
    .from('user_roles')
    .where({ role_id: id })
    .whereIn('user_id', db.from('users').whereNull('deleted_at').select('id'));
  const { users } = (await held.count({ users: '*' }).first()) as { users: number | string };
  if (Number(users) > 0 && !cascade)
    throw new Conflict('users', `${users} users have this role; take it from them, or add cascade=true`, {
      users: Number(users),
    });
  await db.deleteAll('user_roles', { role_id: id });
  await db.from('roles').where({ id }).delete();
}

/** The roles that go by these ids or names; a word that is neither is simply not among them. */
export async function rolesByWord(db: TenantDb, words: readonly string[]): Promise<Role[]> {
  const some = [...words];
  const rows = db
    .from('roles')
    .where((either) => void either.whereIn('id', some).orWhereIn('name', some))
    .orderBy('name');
  return ((await rows) as Row[]).map(toRole);
}

/** What these users are, by the user's id, each one's roles by name. */
export async function rolesOfUsers(db: TenantDb, userIds: readonly string[]): Promise<Map<string, Role[]>> {
  const found = new Map<string, Role[]>(userIds.map((id) => [id, []]));
  const rows = await db
    .from('user_roles')
    .join('roles', function of() {
      this.on('roles.tenant_id', 'user_roles.tenant_id').andOn('roles.id', 'user_roles.role_id');
    })
    .whereIn('user_roles.user_id', [...userIds])
    .orderBy('roles.name')
    .select<Row[]>('roles.*', 'user_roles.user_id');
  for (const row of rows) found.get(row['user_id'] as string)?.push(toRole(row));
  return found;
}

/** The hot look-up: what a user is. */
export function roleFinder(store: Store): (tenantId: string, userId: string) => Promise<Role[]> {
  const select = store.prepare(
    `SELECT r.* FROM user_roles u JOIN roles r ON r.tenant_id = u.tenant_id AND r.id = u.role_id
     WHERE u.tenant_id = ? AND u.user_id = ? ORDER BY r.name`,
  );
  return async (tenantId, userId) => (await select.all(tenantId, userId)).map(toRole);
}
