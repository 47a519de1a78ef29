import { Conflict } from '../kernel/errors.js';
import type { Row, TenantDb } from '../store/index.js';
import { isWordOf } from './names.js';

/** Some words of business APIs. */
export interface Words {
  /** The name of an API, in any case, with which and a dot all of them begin: a store finds them by it. */
  begin: string;
  includes(word: string): boolean;
}

/** What knows who has a permission; it lies above the APIs. */
export interface PermissionHolders {
  count(db: TenantDb, words: Words): Promise<{ roles: number; users: number }>;
  takeAway(db: TenantDb, words: Words): Promise<void>;
}

/** The same of scopes, and of the names of APIs. */
export interface WordHolders extends PermissionHolders {
  /**
   * How many clients and registrations have one of the words as a scope, or, where `serves` is given, serve an API of such a
   * name.
   */
  countClients(db: TenantDb, words: Words, serves?: (api: string) => boolean): Promise<number>;
  /** Whether a user is confined to their own things, or is not there any more. */
  isDeveloper(db: TenantDb, userKey: string): Promise<boolean>;
}

/**
 * Takes the permissions of an API that is about to go from the roles and users that have them: another API that gets its name
 * would believe them. Those that begin with another API's name as well stay.
 * @throws Conflict that says how many they are, unless `cascade`
 */
export async function releasePermissions(
  db: TenantDb,
  holders: PermissionHolders,
  api: string,
  cascade: boolean,
): Promise<void> {
  const rows = await db.from('api_resources').whereNot({ name: api }).select<Row[]>('name');
  const others = rows.map((row) => row['name'] as string);
  const permissions: Words = {
    begin: api,
    includes: (word) => isWordOf(api, word) && !others.some((other) => isWordOf(other, word)),
  };
  if (cascade) return holders.takeAway(db, permissions);
  const { roles, users } = await holders.count(db, permissions);
  if (roles + users > 0)
    throw new Conflict(
      'permissions',
      `${roles} roles and ${users} users have permissions of the API "${api}"; take them away, or add cascade=true`,
      { roles, users },
    );
}
