import { BASIC, confinedTo, Failure, type Actor, type Held, type OwnApis } from '../api/index.js';
import type { Row, TenantDb } from '../store/index.js';
import { MANAGEMENT_API } from './management-scopes.js';
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
  const apisOf = (word: string) => apis.filter(({ name }) => word.startsWith(`${name}.`));
  return {
    hasApi: (name) => own.some((api) => api.name === name),
    hasScope: (scope) => scopes.has(scope),
    hasPermission(permission) {
      const of = apisOf(permission);
      return of.length > 0 && of.every((api) => api.own);
    },
  };
}

/**
 * Keeps confined callers out of the words of others' APIs: all words of `shop.orders` can be words of `shop`.
 * @throws Failure: 403
 */
export async function checkPlace(db: TenantDb, actor: Actor | undefined, name: string): Promise<void> {
  const owner = confinedTo(actor);
  const parts = name.split('.');
  if (owner === undefined || parts.length === 1) return;
  const above = parts.slice(1).map((_part, index) => parts.slice(0, index + 1).join('.'));
  const rows = db.among(db.from('api_resources'), 'name', above).select<Row[]>('name', 'owner_user_key');
  const other = (await rows).find((row) => row['owner_user_key'] !== owner);
  if (!other) return;
  const which = String(other['name']);
  throw new Failure(403, BASIC.forbidden, {
    message: `"${which}" is not yours; choose a name that does not begin with "${which}."`,
    data: { missing: 'owner', name: which },
  });
}
