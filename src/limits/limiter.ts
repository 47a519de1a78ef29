import type { Config } from '../config.js';
import { every, type Repeated } from '../jobs/index.js';
import { networkOf } from '../kernel/addresses.js';
import { steadyNow } from '../kernel/clock.js';
import type { Log } from '../observe/index.js';
import type { Store } from '../store/index.js';

/** What is limited apart from all else. */
export type Area =
  | 'token'
  | 'authorize'
  | 'signIn'
  | 'userCode'
  | 'introspection'
  | 'api'
  | 'open'
  /** Whatever no other area counts: pages, published documents, files. */
  | 'pages';
type Dimension = 'tenant' | 'client' | 'address' | 'account';

/** A request too many. */
export interface Refusal {
  dimension: Dimension;
  /** How many there may be in a window. */
  quota: number;
  /** Seconds: the window's length, and what is left of it. */
  window: number;
  retryAfter: number;
}

/**
 * How often each tenant, client and address may ask, in windows of the same length for all. Counting is a look into a
 * map. Where there are several nodes, each adds what it has let through to the store once a second and learns the sum, so
 * a limit may be passed by what one second lets in. Windows go by a clock that never steps back: else a clock that is set
 * back would leave everybody refused until it has caught up.
 */
export interface Limits {
  /** Counts a request; answers the refusal when it is one too many. */
  byAddress(area: Area, tenantId: string, address: string): Refusal | undefined;
  /** Counts a request of a client that has proved who it is: a stranger can not use up another's share. */
  byClient(area: Area, tenantId: string, clientId: string): Refusal | undefined;
  /**
   * Counts a sign-in at the token endpoint, whose request was counted as a token request before its body was read. That count
   * is taken back for a sign-in that is let through: one that is refused has cost a client's authentication, and stays counted.
   * @param own the client's own number of sign-ins; where it has one, its sign-ins are counted together, whatever address
   *   they come from.
   */
  directSignIn(
    tenantId: string,
    address: string,
    own: { clientId: string; rate: number } | undefined,
  ): Refusal | undefined;
  /** Counts a request of a person who is signed in; an account has as many as an address. */
  byAccount(area: Area, tenantId: string, userKey: string): Refusal | undefined;
  /** Adds this node's counts to the store's, and learns those of the others. */
  share(): Promise<void>;
  close(): Promise<void>;
}

/** RateLimit header fields (draft-ietf-httpapi-ratelimit-headers), and Retry-After (RFC 9110, 10.2.3). */
export const rateHeaders = ({
  dimension,
  quota,
  window,
  retryAfter,
}: Refusal): Record<'Retry-After' | 'RateLimit' | 'RateLimit-Policy', string> => ({
  'Retry-After': String(retryAfter),
  RateLimit: `"${dimension}";r=0;t=${retryAfter}`,
  'RateLimit-Policy': `"${dimension}";q=${quota};w=${window}`,
});

interface Count {
  /** Let through here, and not told to the store yet. */
  here: number;
  /** Let through everywhere, as of the last look. */
  everywhere: number;
  tenantId: string;
  quota: number;
}

/** So many names are told apart in one window; what comes after shares counts, so that memory has an end. */
const MOST_COUNTS = 200_000;
const SHARED_BUCKETS = 4096;
const SHARE_SECONDS = 1;
/** Counts below this part of their quota are nobody else's business. */
const WORTH_SHARING = 1 / 20;
const BATCH = 200;

function bucketOf(name: string): number {
  let hash = 0;
  for (let at = 0; at < name.length; at++) hash = (hash * 31 + name.charCodeAt(at)) | 0;
  return (hash >>> 0) % SHARED_BUCKETS;
}

export function openLimits(
  store: Store,
  log: Log,
  { enabled, windowSeconds, shared, ...quotas }: Config['limits'],
  now: () => number = steadyNow,
): Limits {
  const windowMs = windowSeconds * 1000;
  let counts = new Map<string, Count>();
  let windowStart = 0;

  function refusal(dimension: Dimension, quota: number, time: number): Refusal {
    const retryAfter = Math.max(1, Math.ceil((windowStart + windowMs - time) / 1000));
    return { dimension, quota, window: windowSeconds, retryAfter };
  }

  /** Undoes what `take` has counted in this window, as far as it was not shared yet. */
  function giveBack(area: Area, dimension: Dimension, tenantId: string, name: string): void {
    const count = counts.get(`${area}:${dimension}:${tenantId}:${name}`);
    if (count && count.here > 0) count.here -= 1;
  }

  function quotaOf(area: Area, dimension: Dimension): number | undefined {
    const ofArea = quotas[area] as Partial<Record<Dimension, number>>;
    return ofArea[dimension === 'account' ? 'address' : dimension];
  }

  function take(
    area: Area,
    dimension: Dimension,
    tenantId: string,
    name: string,
    quota = quotaOf(area, dimension),
  ): Refusal | undefined {
    if (!enabled || quota === undefined) return undefined;
    const time = now();
    if (time >= windowStart + windowMs) {
      windowStart = Math.floor(time / windowMs) * windowMs;
      counts = new Map();
    }
    let key = `${area}:${dimension}:${tenantId}:${name}`;
    let count = counts.get(key);
    if (!count) {
      if (counts.size >= MOST_COUNTS) key = `${area}:${dimension}:${tenantId}:~${bucketOf(name)}`;
      count = counts.get(key) ?? { here: 0, everywhere: 0, tenantId, quota };
      counts.set(key, count);
    }
    if (count.here + count.everywhere >= quota) return refusal(dimension, quota, time);
    count.here += 1;
    return undefined;
  }

  async function share(): Promise<void> {
    const [start, current] = [windowStart, counts];
    const worth = [...current].filter(
      ([, { here, everywhere, quota }]) => here > 0 && here + everywhere >= quota * WORTH_SHARING,
    );
    for (let at = 0; at < worth.length; at += BATCH) {
      const batch = worth.slice(at, at + BATCH);
      const rows = batch.map(([key, { here, tenantId }]) => ({
        tenant_id: tenantId,
        id: `${start}:${key}`,
        count: here,
        expires_at: start + windowMs,
      }));
      for (const [index, [, count]] of batch.entries()) count.here -= rows[index]?.count ?? 0;
      const answered = await store
        .knex<{ tenant_id: string; id: string; count: number; expires_at: number }>('rate_counts')
        .insert(rows)
        .onConflict(['tenant_id', 'id'])
        .merge({ count: store.knex.raw('rate_counts.count + excluded.count') as unknown as number })
        .returning(['id', 'count']);
      for (const { id, count } of answered) {
        const mine = current.get(id.slice(id.indexOf(':') + 1));
        if (mine) mine.everywhere = Number(count);
      }
    }
  }

  const isShared = enabled && (shared ?? store.dialect === 'postgres');
  const repeated: Repeated | undefined = isShared ? every(SHARE_SECONDS, 'limits', log, share) : undefined;
  return {
    byAddress: (area, tenantId, address) =>
      // The address first: one that has used up its own share must not use up the tenant's.
      take(area, 'address', tenantId, networkOf(address)) ?? take(area, 'tenant', tenantId, ''),
    byClient: (area, tenantId, clientId) => take(area, 'client', tenantId, clientId),
    directSignIn(tenantId, address, own) {
      const network = networkOf(address);
      const refusal =
        (own
          ? take('signIn', 'client', tenantId, own.clientId, own.rate)
          : take('signIn', 'address', tenantId, network)) ?? take('signIn', 'tenant', tenantId, '');
      if (refusal) return refusal;
      giveBack('token', 'address', tenantId, network);
      giveBack('token', 'tenant', tenantId, '');
      return undefined;
    },
    byAccount: (area, tenantId, userKey) => take(area, 'account', tenantId, userKey),
    share,
    close: async () => repeated?.close(),
  };
}
