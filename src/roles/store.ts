import { ownedBy } from '../api/index.js';
import { checkOwnClaims } from '../kernel/claim-names.js';
import { Conflict, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import { uniquely, type Row, type Store, type TenantDb } from '../store/index.js';
import { permissionsIn, type BuiltInRole, type Claim, type NewRole, type Role } from './schema.js';
import { holdsEverything, keepWayIn } from './way-in.js';

export const toRole = (row: Row): Role => ({
  id: row['id'] as string,
  builtIn: row['built_in'] as BuiltInRole | null,
  name: row['name'] as string,
  displayName: row['display_name'] as string | null,
  description: row['description'] as string | null,
  claims: parse<Claim[]>(row['claims']),
  owner: row['owner_user_key'] as string | null,
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

/**
 * The same, and nobody else changes it before the transaction ends. Users are given the role meanwhile: their rows only refer
 * to it, and a change of theirs may hold what this transaction waits for.
 * @throws NotFound
 */
export const lockRole = async (db: TenantDb, id: string): Promise<Role> =>
  found(id, (await db.from('roles').where({ id }).forNoKeyUpdate().first()) as Row | undefined);

/** @throws Conflict when the name is taken, Invalid */
export async function insertRole(
  db: TenantDb,
  { builtIn = null, owner = null, ...role }: NewRole,
): Promise<Role> {
  checkOwnClaims(role.claims);
  const id = newId();
  const now = Date.now();
  await naming(role.name, () =>
    db.insert('roles', {
      id,
      built_in: builtIn,
      name: role.name,
      display_name: role.displayName,
      description: role.description,
      claims: JSON.stringify(role.claims),
      owner_user_key: owner,
      created_at: now,
      updated_at: now,
    }),
  );
  return { ...role, id, builtIn, owner, createdAt: now, updatedAt: now };
}

/** Changes what is given and leaves the rest. @throws NotFound, Conflict, Invalid */
export async function updateRole(
  db: TenantDb,
  id: string,
  { name, displayName, description, claims, owner }: Partial<NewRole>,
): Promise<Role> {
  const before = await lockRole(db, id);
  checkOwnClaims(claims, before.claims);
  if (before.builtIn !== null && (owner ?? null) !== null)
    throw new Conflict('builtIn', `"${before.name}" is a built-in role, and belongs to nobody`);
  const write = () =>
    naming(name, async () =>
      db
        .from('roles')
        .where({ id })
        .update({
          ...(name !== undefined && { name }),
          ...(displayName !== undefined && { display_name: displayName }),
          ...(description !== undefined && { description }),
          ...(claims !== undefined && { claims: JSON.stringify(claims) }),
          ...(owner !== undefined && { owner_user_key: owner }),
          updated_at: Date.now(),
        }),
    );
  // The role is locked, so what it holds stays as it was read.
  await (claims === undefined
    ? write()
    : keepWayIn(db, () => holdsEverything(permissionsIn(before.claims)), write));
  return findRole(db, id);
}

/**
 * Deletes a role that nobody has, or takes it from everybody first.
 * @throws NotFound, Conflict that says how many have it, that nobody could manage the tenant any more, or that it is built in
 */
export async function deleteRole(db: TenantDb, id: string, cascade: boolean): Promise<void> {
  const { builtIn, name, claims } = await lockRole(db, id);
  if (builtIn !== null)
    throw new Conflict('builtIn', `"${name}" is a built-in role and stays; take it from users, or rename it`);
  const held = db
    .from('user_roles')
    .where({ role_id: id })
    .whereIn('user_id', db.from('users').whereNull('deleted_at').select('id'));
  const { users } = (await held.count({ users: '*' }).first()) as { users: number | string };
  if (Number(users) > 0 && !cascade)
    throw new Conflict('users', `${users} users have this role; take it from them, or add cascade=true`, {
      users: Number(users),
    });
  await keepWayIn(
    db,
    () => holdsEverything(permissionsIn(claims)),
    async () => {
      await db.deleteAll('user_roles', { role_id: id });
      await db.from('roles').where({ id }).delete();
    },
  );
}

/**
 * The roles that go by these ids or names; a word that is neither is simply not among them. A word that is an id means that
 * role, whatever other roles are called.
 */
export async function rolesByWord(db: TenantDb, words: readonly string[]): Promise<Role[]> {
  const some = [...words];
  const rows = db
    .from('roles')
    .where((either) => void either.whereIn('id', some).orWhereIn('name', some))
    .orderBy('name');
  const roles = ((await rows) as Row[]).map(toRole);
  const ids = new Set(roles.map(({ id }) => id));
  return roles.filter(({ id, name }) => some.includes(id) || !ids.has(name));
}

/** The roles that are built in as these; one that an older version has let go is not among them. */
export async function builtInRoles(db: TenantDb, kinds: readonly BuiltInRole[]): Promise<Role[]> {
  const rows = (await db
    .from('roles')
    .whereIn('built_in', [...kinds])
    .orderBy('name')) as Row[];
  return rows.map(toRole);
}

/** The names of the roles that belong to a user. */
export const ownRoleNames = async (db: TenantDb, owner: string): Promise<Set<string>> =>
  new Set((await ownedBy(db, 'roles', owner).select<Row[]>('name')).map((row) => row['name'] as string));

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
