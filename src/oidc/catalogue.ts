import { enabledApiResources, type ApiResource } from '../api-resources/index.js';
import { enabledIdentityResources, type IdentityResource } from '../identity-resources/index.js';
import { tenantDb, type Store } from '../store/index.js';

/** What can be asked for in a tenant: scopes of the provider itself, and APIs with theirs. */
export interface Catalogue {
  identity: Map<string, IdentityResource>;
  apis: ApiResource[];
  apiByIndicator: Map<string, ApiResource>;
  apiByScope: Map<string, ApiResource>;
}

export async function loadCatalogue(store: Store, tenantId: string): Promise<Catalogue> {
  const db = tenantDb(store.knex, tenantId);
  const identity = await enabledIdentityResources(db);
  const apis = await enabledApiResources(db);
  return {
    identity: new Map(identity.map((resource) => [resource.name, resource])),
    apis,
    apiByIndicator: new Map(apis.map((api) => [api.indicator, api])),
    apiByScope: new Map(apis.flatMap((api) => api.scopes.map(({ name }) => [name, api] as const))),
  };
}
