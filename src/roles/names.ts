import { confinedTo, type Actor } from '../api/index.js';
import { Conflict } from '../kernel/errors.js';
import { foldName } from '../kernel/names.js';
import type { Row, TenantDb } from '../store/index.js';
import { BUILT_IN_ROLES } from './schema.js';

/**
 * Decides whether a caller may call a role this. Tokens carry the names of roles, and APIs may compare them in any case, so
 * confined callers choose no name that only case or width tells from another role's, nor one that roles are built in as, and
 * others none that only this tells from a developer's role.
 * @param which the id of a role that is there, which may keep its name
 * @throws Conflict
 */
export async function checkRoleName(
  db: TenantDb,
  actor: Actor | undefined,
  name: string | undefined,
  which?: string,
): Promise<void> {
  if (name === undefined) return;
  // Of two names that are taken at once, the second sees the first.
  await db.lockTenant();
  const confined = confinedTo(actor) !== undefined;
  const rows = await db.from('roles').select<Row[]>('id', 'name', 'owner_user_key');
  const others = rows
    .filter((row) => row['id'] !== which && (confined || row['owner_user_key'] !== null))
    .map((row) => row['name'] as string);
  const kept = rows.some((row) => row['id'] === which && row['name'] === name);
  const builtIn = confined ? BUILT_IN_ROLES : [];
  const near = [...others, ...builtIn].find((other) => foldName(other) === foldName(name));
  if (near !== undefined && !kept)
    throw new Conflict(
      'name',
      `"${near}" is the name of another role, or of a built-in one, and "${name}" differs from it in case at most; choose another name`,
    );
}
