import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { Provider } from 'oidc-provider';
import { clientFinder } from '../clients/index.js';
import { tenantSecret, type Tenant } from '../tenants/index.js';
import { loadCatalogue, type Catalogue } from './catalogue.js';
import { ClientCache } from './client-cache.js';
import { loadKeyRing, type KeyRing } from './keys.js';
import { buildProvider, type OidcBase } from './provider.js';
import { PublishedDocuments } from './well-known.js';

/** One version of one tenant, ready to answer. */
export interface TenantRuntime {
  tenant: Tenant;
  provider: Provider;
  catalogue: Catalogue;
  clients: ClientCache;
  keys: KeyRing;
  documents: PublishedDocuments;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

export interface ProviderPool {
  /** The tenant's provider. A tenant of a newer version gets a new one; requests in flight end on the old one. */
  get(tenant: Tenant): Promise<TenantRuntime>;
}

export function openProviderPool(base: OidcBase): ProviderPool {
  const find = clientFinder(base.store);
  const pool = new LRUCache<string, { version: number; runtime: Promise<TenantRuntime> }>({ max: base.config.tenants.cached });

  async function build(tenant: Tenant): Promise<TenantRuntime> {
    const keys = await loadKeyRing(base.store, base.vault, tenant.id);
    const cookieKey = (await tenantSecret(base.store, base.vault, tenant.id, 'cookies')).toString('base64url');
    const catalogue = await loadCatalogue(base.store, tenant.id);
    const clients = new ClientCache((clientId) => find(tenant.id, clientId));
    const documents = new PublishedDocuments(catalogue);
    const provider = buildProvider(base, { tenant, keys, cookieKey, catalogue, clients, documents });
    const callback = provider.callback();
    return {
      tenant,
      provider,
      catalogue,
      clients,
      keys,
      documents,
      handle: async (request, response) => void (await callback(request, response)),
    };
  }

  return {
    get(tenant) {
      const pooled = pool.get(tenant.id);
      if (pooled && pooled.version >= tenant.version) return pooled.runtime;
      const runtime = build(tenant);
      pool.set(tenant.id, { version: tenant.version, runtime });
      // A build that failed (the store was away) is tried again by the next request.
      runtime.catch(() => pool.delete(tenant.id));
      return runtime;
    },
  };
}
