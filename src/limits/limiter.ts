import type { Config } from '../config.js';
import { every, type Repeated } from '../jobs/index.js';
import { networkOf } from '../kernel/addresses.js';
import { steadyNow } from '../kernel/clock.js';
import type { Log } from '../observe/index.js';
import type { Store } from '../store/index.js';
import { CountWindow, type CountName } from './count-window.js';

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

/** A limit that is used up, as the headers say it. */
export interface RateWindow {
  /** What is counted together. */
  dimension: string;
  /** How many there may be in a window. */
  quota: number;
  /** Seconds: the window's length, and what is left of it. */
  window: number;
  retryAfter: number;
}

/** A request too many. */
export interface Refusal extends RateWindow {
  dimension: Dimension;
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

/** A limit that a request has counted for. */
export interface RateState extends Omit<RateWindow, 'retryAfter'> {
  /** How many may follow in this window. */
  left: number;
  /** Seconds until the window ends. */
  reset: number;
}

/** Header fields that say how far a limit is used (draft-ietf-httpapi-ratelimit-headers). */
export const RATE_FIELDS = ['RateLimit', 'RateLimit-Policy'] as const;
type RateField = (typeof RATE_FIELDS)[number];

/** The values of RATE_FIELDS. */
export const rateFields = ({
  dimension,
  quota,
  window,
  left,
  reset,
}: RateState): Record<RateField, string> => ({
  RateLimit: `"${dimension}";r=${left};t=${reset}`,
  'RateLimit-Policy': `"${dimension}";q=${quota};w=${window}`,
});

/** The same of a limit that is used up, and Retry-After (RFC 9110, 10.2.3). */
export const rateHeaders = ({
  retryAfter,
  ...window
}: RateWindow): Record<'Retry-After' | RateField, string> => ({
  'Retry-After': String(retryAfter),
  ...rateFields({ ...window, left: 0, reset: retryAfter }),
});

const SHARE_SECONDS = 1;
/** Counts below this part of their quota are nobody else's business. */
const WORTH_SHARING = 1 / 20;

export function openLimits(
  store: Store,
  log: Log,
  { enabled, windowSeconds, shared, ...quotas }: Config['limits'],
  now: () => number = steadyNow,
): Limits {
  const windowMs = windowSeconds * 1000;
  let current = new CountWindow(0, windowMs);

  function refusal(dimension: Dimension, quota: number, time: number): Refusal {
    const retryAfter = Math.max(1, Math.ceil((current.end - time) / 1000));
    return { dimension, quota, window: windowSeconds, retryAfter };
  }

  const nameOf = (area: Area, dimension: Dimension, tenantId: string, name: string): CountName => ({
    prefix: `${area}:${dimension}:${tenantId}`,
    name,
    tenantId,
  });

  /** Undoes what `take` has counted in this window, as far as it was not shared yet. */
  const giveBack = (area: Area, dimension: Dimension, tenantId: string, name: string): void =>
    current.giveBack(nameOf(area, dimension, tenantId, name));

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
    if (time >= current.end) {
      const start = Math.floor(time / windowMs) * windowMs;
      current = new CountWindow(start, start + windowMs);
    }
    const left = current.take(nameOf(area, dimension, tenantId, name), quota);
    return left === undefined ? refusal(dimension, quota, time) : undefined;
  }

  const share = (): Promise<void> => current.share(store, WORTH_SHARING, now());

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
