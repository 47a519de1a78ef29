import { Conflict } from '../kernel/errors.js';
import type { Row, TenantDb } from '../store/index.js';
import { isWordOf } from './names.js';

/** The words of an API that is about to go, or to come: those that begin with its name, and that no other API could mean. */
export interface ApiWords {
  api: string;
  /** Names of the tenant's other APIs. */
  others: readonly string[];
}

/** Whether a word is one of them: `shop.orders.cancel` may be a word of `shop` as well as of `shop.orders`. */
export const isOneOf = ({ api, others }: ApiWords, word: string): boolean =>
  isWordOf(api, word) && !others.some((other) => isWordOf(other, word));

/** What knows who has a permission; it lies above the APIs. */
export interface PermissionHolders {
  count(db: TenantDb, words: ApiWords): Promise<{ roles: number; users: number }>;
  takeAway(db: TenantDb, words: ApiWords): Promise<void>;
}

/** The same of scopes, and of the names of APIs. */
export interface WordHolders extends PermissionHolders {
  /** Whether a client, or one that may register, has one of the words as a scope, or serves an API of the name. */
  clientsHave(db: TenantDb, words: ApiWords): Promise<boolean>;
}

/**
 * Takes the permissions of an API that is about to go from the roles and users that have them: another API that gets its name
 * would believe them.
 * @throws Conflict that says how many they are, unless `cascade`
 */
export async function releasePermissions(
  db: TenantDb,
  holders: PermissionHolders,
  api: string,
  cascade: boolean,
): Promise<void> {
  const rows = await db.from('api_resources').whereNot({ name: api }).select<Row[]>('name');
  const permissions = { api, others: rows.map((row) => row['name'] as string) };
  if (cascade) return holders.takeAway(db, permissions);
  const { roles, users } = await holders.count(db, permissions);
  if (roles + users > 0)
    throw new Conflict(
      'permissions',
      `${roles} roles and ${users} users have permissions of the API "${api}"; take them away, or add cascade=true`,
      { roles, users },
    );
}
