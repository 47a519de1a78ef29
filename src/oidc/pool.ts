import type { IncomingMessage, ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { LRUCache } from 'lru-cache';
import type { Provider } from 'oidc-provider';
import type { Actor } from '../api/index.js';
import { clientFinder, isClientOrigin } from '../clients/index.js';
import { tenantDb } from '../store/index.js';
import type { Tenant } from '../tenants/index.js';
import { withBuiltInClients } from './built-in-clients.js';
import { apiTokens, type ApiTokens } from './api-tokens.js';
import { actorOf, liveTokenOf, type LiveToken } from './bearer.js';
import type { Catalogue } from './catalogue.js';
import { ClientCache } from './client-cache.js';
import { FetchedKeysCache } from './client-keys.js';
import { dpopProofs, type DpopProofs } from './dpop-proofs.js';
import { BrowserBinding } from './interactions/binding.js';
import { tokenIssuer, type IssueToken } from './issue-token.js';
import type { TokenDependencies } from './jwt-access-token.js';
import { openKeyRing, type KeyRing } from './keys/index.js';
import { buildProvider, type OidcBase } from './provider.js';
import { readStoredParts, type StoredParts } from './stored-parts.js';
import { tokenPolicy } from './token-policy.js';
import { documentMaxAge, PublishedDocuments } from './well-known.js';

/** One version of one tenant, ready to answer. */
export interface TenantRuntime {
  tenant: Tenant;
  /** The issuer, as a URL. */
  origin: URL;
  /** Whether the tenant is at https, whatever the connection to this process is. */
  secure: boolean;
  provider: Provider;
  catalogue: Catalogue;
  clients: ClientCache;
  keys: KeyRing;
  documents: PublishedDocuments;
  /** Which browser a sign-in belongs to. */
  binding: BrowserBinding;
  /** Whose access token of the management API this is. */
  actorOf(token: string): Promise<Actor | undefined>;
  /** The JWT access token that a text is, while it works, whatever API it is for. */
  liveToken(text: string): Promise<LiveToken | undefined>;
  /** Whether a token that was read before still works, but for its expiry. */
  stillLive(token: TokenDependencies): Promise<boolean>;
  /** Checks of tokens that come to APIs behind this server. */
  apiTokens: ApiTokens;
  /** Checks of the proofs that come with key-bound tokens to those. */
  dpopProofs: DpopProofs;
  /** A JWT of the management API for who calls it. */
  issueToken: IssueToken;
  /** Whether a client of the tenant lives at this origin, so that its pages may call the management API. */
  mayCallFrom(origin: string): Promise<boolean>;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

export interface ProviderPool {
  /**
   * The runtime of this version of the tenant, or of a newer one. It has a new provider where more has changed than clients;
   * requests in flight end on the old one.
   */
  get(tenant: Tenant): TenantRuntime | Promise<TenantRuntime>;
  /** The provider of a tenant that is being asked just now. */
  current(tenantId: string): TenantRuntime | Promise<TenantRuntime>;
}

/** A runtime, and what it was made of (stored-parts.ts). */
interface Ready {
  digest: string;
  runtime: TenantRuntime;
}

interface Pooled {
  version: number;
  runtime: TenantRuntime | Promise<TenantRuntime>;
  /** The last runtime that was made: of an earlier version until the one of this version is made. */
  ready: Ready | undefined;
}

/** From so many tenants on, what lives in the heap is large, and what lies about in it has to be kept small. */
const MANY_TENANTS = 200;

/**
 * V8 lets a heap grow to three times what lives in it. A tenant's provider is near 100 KiB that lives, so with many of them
 * a third more has to do; with few, the collector's time is worth more (docs/performance.md).
 */
const keepHeapSmall = (): void => setFlagsFromString('--heap-growing-percent=30');

const MOST_ORIGINS = 100;
const NOBODY_FOR_MS = 1000;

/** Asks once for each origin, for as long as the tenant stays the same. */
function rememberOrigins(look: (origin: string) => Promise<boolean>): (origin: string) => Promise<boolean> {
  const known = new LRUCache<string, Promise<boolean>>({ maxSize: MOST_ORIGINS, sizeCalculation: () => 1 });
  return (origin) => {
    let answer = known.get(origin);
    if (!answer) known.set(origin, (answer = look(origin)));
    // A new client may live there at any moment; and where the store was away, the next request asks again.
    answer.then(
      (lives) => lives || known.set(origin, Promise.resolve(false), { ttl: NOBODY_FOR_MS }),
      () => known.delete(origin),
    );
    return answer;
  };
}

export function openProviderPool(base: OidcBase): ProviderPool {
  const find = clientFinder(base.store);
  const fetchedKeys = new FetchedKeysCache();
  const pool = new LRUCache<string, Pooled>({ max: base.config.tenants.cached });

  const originsOf = (tenant: Tenant): TenantRuntime['mayCallFrom'] =>
    rememberOrigins((origin) => isClientOrigin(tenantDb(base.store.knex, tenant.id), origin));

  function build(tenant: Tenant, stored: StoredParts): TenantRuntime {
    const { cookieKey, dpopSecret, catalogue } = stored;
    const keys = openKeyRing(stored.keys, base.vault, tenant.id);
    const clients = new ClientCache(
      withBuiltInClients(tenant, base.config, (clientId) => find(tenant.id, clientId)),
      () => base.revocations.generation(tenant.id),
    );
    const documents = new PublishedDocuments(catalogue, documentMaxAge(base.config));
    const policy = tokenPolicy({ ...base, tenant, keys, catalogue, clients });
    const binding = new BrowserBinding(tenant.issuer, base.vault);
    const provider = buildProvider(base, {
      tenant,
      keys,
      cookieKey,
      dpopSecret,
      catalogue,
      clients,
      fetchedKeys,
      documents,
      policy,
      binding,
    });
    const origin = new URL(tenant.issuer);
    return {
      tenant,
      origin,
      secure: origin.protocol === 'https:',
      provider,
      catalogue,
      clients,
      keys,
      documents,
      binding,
      actorOf: (token) =>
        actorOf({ ...base, ...policy, tenantId: tenant.id, provider, catalogue, clients }, token),
      async liveToken(text) {
        const token = await liveTokenOf({ ...base, tenantId: tenant.id, provider, catalogue }, text);
        return token && (await policy.stillReaches(token.dependencies)) ? token : undefined;
      },
      stillLive: policy.stillLive,
      apiTokens: apiTokens({
        ...{ ...base, tenantId: tenant.id, issuer: tenant.issuer },
        ...{ provider, keys, clients, catalogue, policy },
      }),
      dpopProofs: dpopProofs(tenant.id, dpopSecret, base.artifacts),
      issueToken: tokenIssuer({ ...base, tenant, keys, catalogue }),
      mayCallFrom: originsOf(tenant),
      handle: provider.callback(),
    };
  }

  /**
   * Most changes are to clients, which are read when a request needs them. After such a change the provider stays, with its
   * compiled code, and its clients are read again. It forgets them only now, when every read sees the change.
   */
  async function makeReady(tenant: Tenant, before: Ready | undefined): Promise<Ready> {
    const stored = await readStoredParts(base, tenant);
    const { digest } = stored;
    if (before?.digest !== digest) return { digest, runtime: build(tenant, stored) };
    before.runtime.clients.forgetAll();
    return { digest, runtime: { ...before.runtime, tenant, mayCallFrom: originsOf(tenant) } };
  }

  return {
    current(tenantId) {
      const pooled = pool.get(tenantId);
      if (!pooled) throw new Error(`tenant ${tenantId} is not loaded`);
      return pooled.runtime;
    },
    get(tenant) {
      const pooled = pool.get(tenant.id);
      if (pooled && pooled.version >= tenant.version) return pooled.runtime;
      const made = makeReady(tenant, pooled?.ready);
      const entry: Pooled = {
        version: tenant.version,
        runtime: made.then(({ runtime }) => runtime),
        ready: pooled?.ready,
      };
      pool.set(tenant.id, entry);
      if (pool.size === MANY_TENANTS) keepHeapSmall();
      made.then(
        (now) => {
          entry.ready = now;
          entry.runtime = now.runtime;
        },
        () => {
          // The store was away. The next request tries again, unless a newer version has taken the place.
          if (pool.peek(tenant.id) === entry) pool.delete(tenant.id);
        },
      );
      return entry.runtime;
    },
  };
}
