import {
  enabledApiResources,
  MANAGEMENT_API,
  managementScopes,
  type EnabledApiResource,
} from '../api-resources/index.js';
import { isSafeName } from '../kernel/claim-names.js';
import { enabledIdentityResources, type IdentityResource } from '../identity-resources/index.js';
import { revokedAmong, type Revocations } from '../revocations/index.js';
import { tenantDb, type Store } from '../store/index.js';

/** What can be asked for in a tenant: scopes of the provider itself, and APIs with theirs. */
export interface Catalogue {
  identity: Map<string, IdentityResource>;
  apis: EnabledApiResource[];
  apiByIndicator: Map<string, EnabledApiResource>;
  /** The API that tokens with this `aud` are for: the store lets two have none in common. */
  apiByAudience: ReadonlyMap<unknown, EnabledApiResource>;
  /** The API that a scope belongs to. */
  apiOf(scope: string): EnabledApiResource | undefined;
  /** The tenant's revocations before all this was read (src/revocations). */
  generation: number;
  /** The generation at which a scope of this name went, before there was this one; 0 where none did. */
  revokedAt(scope: string): number;
  /** The same of an API that had this indicator. */
  apiRevokedAt(indicator: string): number;
  /**
   * Whether a token of this audience is for another API than the one that has the audience now.
   * @param id of the API that it was issued for; undefined in tokens from before that said so.
   */
  isForAnotherApi(audience: unknown, id: unknown): boolean;
  /** All of it as JSON: the same text for the same catalogue. */
  content(): string;
}

/** For every tenant the same, so that none keeps a map of the management API's scopes for itself. */
let managementWords: ReadonlySet<string> | undefined;

export async function loadCatalogue(
  store: Store,
  revocations: Pick<Revocations, 'generation'>,
  tenantId: string,
): Promise<Catalogue> {
  const db = tenantDb(store.knex, tenantId);
  const generation = await revocations.generation(tenantId); // first, so that what goes in between is revoked later
  const words = (managementWords ??= new Set(managementScopes().map(({ name }) => name)));
  const identity = (await enabledIdentityResources(db)).filter(({ name }) => isSafeName(name));
  const apis = await enabledApiResources(db);
  const management = apis.find(({ name }) => name === MANAGEMENT_API);
  const owners = new Map(
    apis.flatMap((api) => (api === management ? [] : api.scopes.map(({ name }) => [name, api] as const))),
  );
  const revoked = await revokedAmong(db, 'scope', [...identity.map(({ name }) => name), ...owners.keys()]);
  const revokedApis = await revokedAmong(
    db,
    'api',
    apis.map(({ indicator }) => indicator),
  );
  const apiByAudience: Catalogue['apiByAudience'] = new Map(apis.map((api) => [api.audience, api]));
  return {
    generation,
    revokedAt: (scope) => revoked.get(scope) ?? 0,
    apiRevokedAt: (indicator) => revokedApis.get(indicator) ?? 0,
    isForAnotherApi(audience, id) {
      const api = apiByAudience.get(audience);
      return api !== undefined && id !== undefined && api.id !== id;
    },
    content: () => JSON.stringify([generation, identity, apis, [...revoked].sort(), [...revokedApis].sort()]),
    identity: new Map(identity.map((resource) => [resource.name, resource])),
    apis,
    apiByIndicator: new Map(apis.map((api) => [api.indicator, api])),
    apiByAudience,
    apiOf: (scope) => (words.has(scope) ? management : owners.get(scope)),
  };
}
