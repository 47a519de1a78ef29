import { LRUCache } from 'lru-cache';
import type { Config } from '../config.js';
import { endsWithin } from '../kernel/ends-within.js';
import type { Log } from '../observe/index.js';
import { storeTime, type Store } from '../store/index.js';
import { toTenant } from './store.js';
import type { Tenant } from './schema.js';

/** How far back before the last look a look for changes goes: more than transactions last. */
const OVERLAP_MS = 60_000;
const UNKNOWN_FOR_MS = 1000;
/** How long requests wait to see a change of which there was word: a key that is revoked signs nothing from then on. */
const MOST_WAITED_MS = 500;
const NOBODY = Symbol('no tenant has this host');

export interface TenantDirectory {
  /** The tenant that a Host header picks; undefined for one that nobody has. Disabled tenants are answered too. */
  byHost(host: string): Tenant | undefined | Promise<Tenant | undefined>;
  /** The same without a look into the store: undefined as well for a host that nobody has asked for yet. */
  peek(host: string): Tenant | undefined;
  /** A tenant by its name, for programs that call at another's host. */
  byName(name: string): Promise<Tenant | undefined>;
  /** Reads what changed since the last look, so that the next request sees it. */
  refresh(): Promise<void>;
  close(): void;
}

/**
 * Tenants by host, in memory. A change by this process or another is seen by the next request, where the store's word of it
 * arrives; a look each `refreshSeconds` finds the others.
 */
export function openTenantDirectory(
  store: Store,
  log: Log,
  { cached, refreshSeconds }: Config['tenants'],
): TenantDirectory {
  const tenantAt = store.prepare(
    'SELECT t.* FROM tenants t JOIN tenant_hosts h ON h.tenant_id = t.id WHERE h.host = ?',
  );
  const hostOf = store.prepare(
    'SELECT h.host FROM tenant_hosts h JOIN tenants t ON t.id = h.tenant_id WHERE t.name = ? ORDER BY h.host LIMIT 1',
  );
  const hostsOf = store.prepare('SELECT host FROM tenant_hosts WHERE tenant_id = ? ORDER BY host');
  const now = storeTime(store.dialect);
  const changed = store.prepare(`SELECT id, version FROM tenants WHERE version >= ${now} - ?`);
  const deleted = store.prepare(`SELECT id FROM deleted_tenants WHERE deleted_at >= ${now} - ?`);
  const listening = store.listen();
  const cache = new LRUCache<string, Tenant | typeof NOBODY>({ max: cached * 2 });
  const hosts = new LRUCache<string, string>({ max: cached, ttl: refreshSeconds * 1000 });

  async function load(host: string): Promise<Tenant | undefined> {
    const row = await tenantAt.first(host);
    if (!row) {
      cache.set(host, NOBODY, { ttl: UNKNOWN_FOR_MS });
      return undefined;
    }
    const own = (await hostsOf.all(row['id'] as string)).map((found) => found['host'] as string);
    const tenant = toTenant(row, own);
    cache.set(host, tenant);
    return tenant;
  }

  let lookedAt = performance.now();
  async function refresh(): Promise<void> {
    const started = performance.now();
    const back = Math.ceil(started - lookedAt) + OVERLAP_MS;
    const versions = new Map(
      (await changed.all(back)).map((row) => [row['id'] as string, row['version'] as number]),
    );
    for (const row of await deleted.all(back)) versions.set(row['id'] as string, Infinity);
    for (const [host, tenant] of cache.entries())
      if (tenant === NOBODY || (versions.get(tenant.id) ?? tenant.version) !== tenant.version)
        cache.delete(host);
    lookedAt = started;
  }

  /** The look that runs, and the one that begins after it, which all who ask meanwhile share. */
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  function look(): Promise<void> {
    if (running)
      return (next ??= running.then(() => {
        next = undefined;
        return look();
      }));
    running = refresh()
      .catch((err: unknown) => log.error({ err }, 'tenants could not be read; serving what is known'))
      .finally(() => (running = undefined));
    return running;
  }
  const timer = setInterval(() => {
    if (!running) void look();
  }, refreshSeconds * 1000);
  timer.unref();

  /** A look that requests wait for, since there was word of a change. A store that does not answer holds none up for longer. */
  let looking: Promise<unknown> | undefined;
  function lookForRequests(): void {
    const wait = endsWithin(MOST_WAITED_MS, look()).then(() => {
      if (looking === wait) looking = undefined;
    });
    looking = wait;
  }

  function byHost(host: string): Tenant | undefined | Promise<Tenant | undefined> {
    if (listening.heard()) lookForRequests();
    return looking ? looking.then(() => known(host)) : known(host);
  }

  function known(host: string): Tenant | undefined | Promise<Tenant | undefined> {
    const tenant = cache.get(host);
    if (tenant === NOBODY) return undefined;
    return tenant ?? load(host);
  }

  return {
    byHost,
    peek(host) {
      const tenant = cache.peek(host);
      return tenant === NOBODY ? undefined : tenant;
    },
    async byName(name) {
      if (name.includes('\u0000')) return undefined; // PostgreSQL takes none in a text
      const host = hosts.get(name) ?? ((await hostOf.first(name))?.['host'] as string | undefined);
      if (host === undefined) return undefined;
      hosts.set(name, host);
      const tenant = await byHost(host);
      return tenant?.name === name ? tenant : undefined;
    },
    refresh,
    close() {
      clearInterval(timer);
      listening.close();
    },
  };
}
