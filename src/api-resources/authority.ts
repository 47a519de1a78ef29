import { BASIC, confinedTo, Failure, type Actor, type Held, type OwnApis } from '../api/index.js';
import type { Row, TenantDb } from '../store/index.js';
import { MANAGEMENT_API } from './management-scopes.js';
import { checkNotReserved, isWordOf } from './names.js';
import type { ApiWords, WordHolders } from './permissions.js';
import type { StoredApiResource } from './schema.js';

/** What an API holds: the management API all the words of management, others none of them (names.ts). */
export const heldByApi = ({ name, scopes, owner }: StoredApiResource): Held => ({
  scopes: name === MANAGEMENT_API ? scopes.map((scope) => scope.name) : [],
  owner,
});

/** The APIs that belong to a user, and what begins with their names. */
export async function ownApisOf(db: TenantDb, owner: string): Promise<OwnApis> {
  const apis = (await db.from('api_resources').select<Row[]>('id', 'name', 'owner_user_key')).map((row) => ({
    id: row['id'] as string,
    name: row['name'] as string,
    own: row['owner_user_key'] === owner,
  }));
  const own = apis.filter((api) => api.own);
  const rows = db.among(
    db.from('api_scopes'),
    'resource_id',
    own.map(({ id }) => id),
  );
  const scopes = new Set((await rows.select<Row[]>('name')).map((row) => row['name'] as string));
  /** `shop.orders.cancel` may be a word of `shop` as well as of `shop.orders`. */
  const apisOf = (word: string) => apis.filter(({ name }) => isWordOf(name, word));
  return {
    hasApi: (name) => own.some((api) => api.name === name),
    hasScope: (scope) => scopes.has(scope),
    hasPermission(permission) {
      const of = apisOf(permission);
      return of.length > 0 && of.every((api) => api.own);
    },
  };
}

const refused = (name: string, message: string): Failure =>
  new Failure(403, BASIC.forbidden, { message, data: { missing: 'owner', name } });

/**
 * Decides whether a caller may make an API of this name. Confined callers are kept out of the words of others' APIs, because
 * all words of `shop.orders` can be words of `shop`, and out of words that somebody has already: to those who have them
 * they mean something else.
 * @throws Invalid, Failure: 403
 */
export async function checkPlace(
  db: TenantDb,
  actor: Actor | undefined,
  name: string,
  holders: WordHolders,
): Promise<void> {
  checkNotReserved(name);
  const owner = confinedTo(actor);
  if (owner === undefined) return;
  // Of two APIs that are made at once, the second sees the first.
  await db.lockTenant();
  const apis = await db.from('api_resources').select<Row[]>('name', 'owner_user_key');
  const others = apis.map((row) => row['name'] as string);
  const near = (other: string): boolean => name.startsWith(`${other}.`) || other.startsWith(`${name}.`);
  const theirs = others.find((other, at) => near(other) && apis[at]?.['owner_user_key'] !== owner);
  if (theirs !== undefined)
    throw refused(
      theirs,
      `"${theirs}" is not yours, and has words in common with "${name}"; choose another name`,
    );
  if (await someoneHas(db, holders, { api: name, others }))
    throw refused(
      name,
      `roles, users or clients have words that begin with "${name}." already; choose another name, or ask an administrator to make the API`,
    );
}

async function someoneHas(db: TenantDb, holders: WordHolders, words: ApiWords): Promise<boolean> {
  if (await holders.clientsHave(db, words)) return true;
  const { roles, users } = await holders.count(db, words);
  return roles + users > 0;
}
