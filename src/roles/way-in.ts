import { VOCABULARIES } from '../api/access.js';
import { Conflict } from '../kernel/errors.js';
import { parse } from '../kernel/json.js';
import type { Row, TenantDb } from '../store/index.js';
import { permissionsIn, type Claim } from './schema.js';

/** Permissions and scopes that open every operation. */
const EVERYTHING = VOCABULARIES.map((prefix) => `${prefix}.all`);

/** Whether one of these permissions, or scopes, opens every operation. */
export const holdsEverything = (words: Iterable<string>): boolean =>
  [...words].some((word) => EVERYTHING.includes(word));

const inClaims = (row: Row): boolean => holdsEverything(permissionsIn(parse<Claim[]>(row['claims'])));

/** Leaves the rows whose JSON column may have one of the words; parse what is found to be sure. */
const mentioning = (rows: ReturnType<TenantDb['from']>, column: string) =>
  rows.where((any) => {
    for (const word of EVERYTHING) void any.orWhereLike(column, `%"${word}"%`);
  });

/** The roles whose permissions open every operation, the oldest first. */
export const rolesWithEverything = async (db: TenantDb): Promise<string[]> =>
  (await mentioning(db.from('roles'), 'claims').orderBy('id').select<Row[]>('id', 'claims'))
    .filter(inClaims)
    .map((row) => row['id'] as string);

/** What can manage a tenant: a user, else at least a client. */
type WayIn = 'user' | 'client' | undefined;

async function wayIn(db: TenantDb): Promise<WayIn> {
  if (await someUser(db)) return 'user';
  return (await someClient(db)) ? 'client' : undefined;
}

/** What a user signs in with: one of these is there. */
const SIGN_IN_BY = ['password_hash', 'email', 'phone_number'] as const;

/** Whether a user who may sign in holds everything, by a role or by a claim of their own. */
async function someUser(db: TenantDb): Promise<boolean> {
  const able = () =>
    db
      .from('users')
      .whereNull('deleted_at')
      .where({ enabled: true })
      .where((open) => void open.whereNull('locked_until').orWhere('locked_until', '<=', Date.now()))
      // Without a password it takes a code, which needs an address to go to.
      .where((any) => {
        for (const column of SIGN_IN_BY) void any.orWhereNotNull(column);
      });
  return someHolder(db, able);
}

/** Whether one of these users holds everything, by a role or by a claim of their own. */
async function someHolder(db: TenantDb, users: () => ReturnType<TenantDb['from']>): Promise<boolean> {
  const roles = await rolesWithEverything(db);
  const byRole = db.from('user_roles').whereIn('role_id', roles).select('user_id');
  if (roles.length > 0 && (await users().whereIn('id', byRole).first<Row | undefined>('id'))) return true;
  // Few tenants get here: it reads the claims of all users.
  return (await mentioning(users(), 'claims').select<Row[]>('claims')).some(inClaims);
}

/** Whether a client that acts for itself can do what its scopes say: the owner, where it has one, must hold it as well. */
const ownerHolds = async (db: TenantDb, owner: string | null): Promise<boolean> =>
  owner === null ||
  someHolder(db, () => db.from('users').whereNull('deleted_at').where({ enabled: true, user_key: owner }));

/** The settings of a client that say whether it can ask for management tokens by itself. */
interface Settings {
  scopes: string[];
  grantTypes: string[];
  tokenEndpointAuthMethod: string;
}

/** Whether an enabled client may ask for everything in its own name, and can prove itself. */
async function someClient(db: TenantDb): Promise<boolean> {
  const rows = await mentioning(db.from('clients').where({ enabled: true }), 'settings').select<Row[]>(
    'id',
    'settings',
    'owner_user_key',
  );
  for (const row of rows) {
    const { scopes, grantTypes, tokenEndpointAuthMethod } = parse<Settings>(row['settings']);
    if (!holdsEverything(scopes) || !grantTypes.includes('client_credentials')) continue;
    if (!(await ownerHolds(db, row['owner_user_key'] as string | null))) continue;
    if (!tokenEndpointAuthMethod.startsWith('client_secret')) return true;
    const live = db
      .from('client_secrets')
      .where({ client_row_id: row['id'] })
      .where((open) => void open.whereNull('expires_at').orWhere('expires_at', '>', Date.now()));
    if (await live.first<Row | undefined>('id')) return true;
  }
  return false;
}

const BACK = 'gatehouse user create --administrator, at the command line, makes an administrator at any time';

/**
 * Makes a change, unless it takes the last way into the tenant: the last user who may sign in and holds everything, or,
 * where there is no such user, the last client that does. Of two such changes at once one is made. A tenant that nobody
 * could manage before is not held back.
 * @param mayEndIt whether the change can matter, read once no other change takes rights. Only then does it look for the ways in.
 * @throws Conflict
 */
export async function keepWayIn<T>(
  db: TenantDb,
  mayEndIt: () => boolean | Promise<boolean>,
  change: () => Promise<T>,
): Promise<T> {
  await db.lockRights('take');
  if (!(await mayEndIt())) return change();
  const before = await wayIn(db);
  const done = await change();
  if (before === undefined) return done;
  const after = await wayIn(db);
  if (after === before || after === 'user') return done;
  throw new Conflict(
    'wayIn',
    before === 'user'
      ? `this would remove the last user who holds isms.all; give it to another user first (${BACK})`
      : `this would remove the last client that can manage the tenant; make an administrator first (${BACK})`,
  );
}
