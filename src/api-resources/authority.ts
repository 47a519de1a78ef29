import type { Held, OwnApis } from '../api/index.js';
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
  /** Of `shop` and `shop.orders`, `shop.orders.cancel` belongs to the second. */
  const apiOf = (word: string) =>
    apis
      .filter(({ name }) => word.startsWith(`${name}.`))
      .reduce<(typeof apis)[number] | undefined>(
        (longest, api) => (api.name.length > (longest?.name.length ?? 0) ? api : longest),
        undefined,
      );
  return {
    hasApi: (name) => own.some((api) => api.name === name),
    hasScope: (scope) => scopes.has(scope),
    hasPermission: (permission) => apiOf(permission)?.own ?? false,
  };
}
