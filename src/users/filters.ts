import { literal, type Sought } from '../api/index.js';
import type { TenantDb } from '../store/index.js';
import { foldName } from '../kernel/names.js';
import { phoneDigits } from '../verification/index.js';
import { usersOf } from './store.js';

/** What a list of users can be asked for. */
export interface UserFilters {
  name?: string | undefined;
  email?: string | undefined;
  phoneNumber?: string | undefined;
  status?: 'enabled' | 'disabled' | undefined;
  /** Ids of roles, all of which a user has. */
  roles: readonly string[];
}

/** The users whom an index finds at once, or all. */
export function usersWith(db: TenantDb, { email, phoneNumber, status }: UserFilters) {
  const rows = usersOf(db);
  if (email !== undefined) void rows.where({ email_key: foldName(email) });
  if (phoneNumber !== undefined) {
    const digits = phoneDigits(phoneNumber) ?? '';
    void rows.where(
      digits.startsWith('+') ? { phone_number: digits } : { phone_national: digits.replace(/^0+/, '') },
    );
  }
  if (status !== undefined) void rows.where({ enabled: status === 'enabled' });
  return rows;
}

const byName = (db: TenantDb, part: string): Sought => ({
  test: (rows) => void rows.whereRaw(`search_name LIKE ? ESCAPE '\\'`, [`%${literal(foldName(part))}%`]),
  named: (limit) => db.names.find(part, limit),
});

const byRole = (db: TenantDb, roleId: string): Sought => ({
  quick: true,
  test: (rows) =>
    void rows.whereExists(
      db
        .from('user_roles')
        .where({ role_id: roleId })
        .whereRaw('user_roles.user_id = users.id')
        .select('user_id'),
    ),
  async named(limit) {
    const rows = await db
      .from('user_roles')
      .where({ role_id: roleId })
      .limit(limit)
      .select<{ user_id: string }[]>('user_id');
    return rows.map((row) => row.user_id);
  },
});

/** Those that few may have, or nearly everybody. */
export const soughtOf = (db: TenantDb, { name, roles }: UserFilters): Sought[] => [
  ...(name === undefined || name === '' ? [] : [byName(db, name)]),
  ...roles.map((role) => byRole(db, role)),
];
