import { LRUCache } from 'lru-cache';
import type { Tenant } from '../../tenants/index.js';
import type { LiveRevision } from '../types.js';
import type { Dispatcher } from './dispatcher.js';

/** A pool of kept connections to one origin. */
export interface KeptPool {
  readonly name: string;
  readonly dispatcher: Dispatcher;
  /** How many connections it has made so far. */
  connections: number;
}

/** Where a revision's calls go. */
export interface Backend {
  /** The path that each call's path is behind; empty, or without a slash at its end. */
  readonly base: string;
  /** @throws Error where the origin is out of the tenant's reach. */
  pool(): KeptPool;
}

export interface Pools {
  backendOf(tenant: Tenant, revision: LiveRevision): Backend;
  /** Waits for requests that are under way, and closes all connections. */
  close(): Promise<void>;
}

const MOST_POOLS = 1000;

/** One object with all that a call reads of it: with many revisions none of it is in the processor's caches. */
class RevisionBackend implements Backend {
  constructor(
    readonly base: string,
    private readonly name: string,
    private readonly tenant: Tenant,
    private readonly url: URL,
    private readonly poolOf: (name: string, tenant: Tenant, url: URL) => KeptPool,
  ) {}

  pool(): KeptPool {
    return this.poolOf(this.name, this.tenant, this.url);
  }
}

/**
 * Keeps pools by tenant and origin. The least recently used ones are closed when there are too many; what is under way in them
 * goes on.
 * @param open makes a pool that connects only within the tenant's reach.
 */
export function openPools(open: (tenant: Tenant, origin: URL) => Dispatcher, most = MOST_POOLS): Pools {
  const closing = new Set<Promise<void>>();
  const close = ({ dispatcher }: KeptPool): void => {
    const closed = dispatcher.close().catch(() => undefined);
    closing.add(closed);
    void closed.then(() => closing.delete(closed));
  };
  const pools = new LRUCache<string, KeptPool>({ max: most, dispose: close });
  const backends = new WeakMap<LiveRevision, Backend>();

  function poolOf(name: string, tenant: Tenant, url: URL): KeptPool {
    let pool = pools.get(name);
    if (!pool) {
      const dispatcher = open(tenant, url);
      const made = (pool = { name, dispatcher, connections: 0 });
      dispatcher.on('connect', () => (made.connections += 1));
      pools.set(name, pool);
    }
    return pool;
  }

  return {
    backendOf(tenant, revision) {
      let backend = backends.get(revision);
      if (!backend) {
        const { serviceUrl } = revision;
        const name = `${tenant.id} ${serviceUrl.origin}`;
        const base = serviceUrl.pathname.replace(/\/+$/, '');
        // The pool's own text of the name: one that is equal would be more memory that each call reads.
        backend = new RevisionBackend(base, pools.peek(name)?.name ?? name, tenant, serviceUrl, poolOf);
        backends.set(revision, backend);
      }
      return backend;
    },
    async close() {
      pools.clear();
      await Promise.all(closing);
    },
  };
}
