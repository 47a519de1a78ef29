import { createHash, type X509Certificate } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { LRUCache } from 'lru-cache';
import Provider, { type Client as OidcClient } from './library/index.js';
import { factsOf } from '../kernel/request.js';

interface ClientKey {
  'x5t#S256'?: string;
}

/** The keys of a client as the library keeps them (its models/client.js). */
interface ClientKeys extends Iterable<ClientKey> {
  /** Epoch seconds until which the keys are not fetched again. */
  freshUntil?: number | undefined;
  fresh(): boolean;
  refresh(): Promise<void>;
  add(key: ClientKey): void;
  clear(): void;
  selectForVerify(options: object): object[];
}

/** A client's keys are fetched at most once in this time because something does not fit them. */
const AGAIN_MS = 10_000;
/** The longest that keys are used before they are fetched again: a key that the client has taken away ends by then. */
const LONGEST_SECONDS = 300;
/** How long keys are used whose address does not answer. */
const WITHOUT_ANSWER_MS = 3_600_000;

/** What is known of the keys at a `jwks_uri`. After each change of the tenant the library gets a new object for the client, which takes it over. */
export class FetchedKeys {
  keys: readonly ClientKey[] = [];
  /** Epoch seconds until which they are not fetched again. */
  freshUntil = 0;
  fetchedAt = -Infinity;
  askedAgainAt = -Infinity;
  failure: { at: number; error: unknown } | undefined;
  /** The fetch that is under way, whichever object has begun it. */
  loading: Promise<void> | undefined;
}

/** The most bytes of keys, as JSON, that are kept for all clients together. */
const MOST_BYTES = 64 * 1024 * 1024;
/** What an entry takes besides its keys. */
const ENTRY_BYTES = 1024;

/** Keys of clients of all tenants, for as long as they can be of use. */
export class FetchedKeysCache {
  readonly #fetched = new LRUCache<string, FetchedKeys>({
    maxSize: MOST_BYTES,
    sizeCalculation: ({ keys }) => ENTRY_BYTES + JSON.stringify(keys).length,
    ttl: WITHOUT_ANSWER_MS,
  });

  /** @param client `id` is of the row: a client that is made again under the same client id begins without keys. */
  of(tenantId: string, { id, jwksUri }: { id: string; jwksUri: string }): Followed {
    const place = JSON.stringify([tenantId, id, jwksUri]);
    const fetched = this.#fetched.get(place) ?? new FetchedKeys();
    const keep = (): void => void this.#fetched.set(place, fetched);
    keep();
    return { fetched, keep };
  }
}

/** What is known of a client's keys, and how that is kept for the objects of the library to come. */
export interface Followed {
  fetched: FetchedKeys;
  keep(): void;
}

const certificateOf = (): X509Certificate | undefined => {
  const { ctx } = Provider;
  return ctx && factsOf(ctx.req).certificate;
};

const thumbprintOf = ({ raw }: X509Certificate): string =>
  createHash('sha256').update(raw).digest('base64url');

/**
 * Follows the keys at a client's `jwks_uri`. The library keeps them for a minute at least, and for as long as their headers
 * say: until then it refuses a new key, and it asks for the keys of one that it knows never again. Here
 * - what no key fits (an unknown `kid`, a signature, a certificate) makes the keys be fetched again, once in 10 seconds;
 * - keys that are no longer fresh are fetched before they are used, every 5 minutes at the latest;
 * - an address that does not answer is asked once in 10 seconds, and the keys before serve for an hour.
 * @param now milliseconds of a clock that never goes back.
 */
export function followKeys(
  client: OidcClient,
  { fetched, keep }: Followed,
  now: () => number = () => performance.now(),
): void {
  const keys = client['asymmetricKeyStore'] as ClientKeys;
  const library = {
    fresh: keys.fresh.bind(keys),
    refresh: keys.refresh.bind(keys),
    select: keys.selectForVerify.bind(keys),
  };
  const loadedBy = new WeakSet<object>();
  let has: readonly ClientKey[] | undefined;

  /** Takes over what another object has fetched. */
  function follow(): void {
    if (has === fetched.keys) return;
    has = fetched.keys;
    keys.clear();
    for (const key of has) keys.add(key);
  }

  const justFailed = (): boolean => fetched.failure !== undefined && now() - fetched.failure.at < AGAIN_MS;

  /** Lets the keys be fetched again, unless that was done a moment ago, or by this request. */
  function expire(): boolean {
    const { ctx } = Provider;
    if (now() - fetched.askedAgainAt < AGAIN_MS || (ctx && loadedBy.has(ctx))) return false;
    fetched.askedAgainAt = now();
    fetched.freshUntil = 0;
    return true;
  }

  async function fetchKeys(): Promise<void> {
    try {
      await library.refresh();
      fetched.failure = undefined;
      fetched.fetchedAt = now();
      fetched.keys = has = [...keys];
      fetched.freshUntil = Math.min(fetched.freshUntil, Math.floor(Date.now() / 1000) + LONGEST_SECONDS);
    } catch (error) {
      has = undefined; // the library drops the keys that it has before it looks at the new ones
      fetched.failure = { at: now(), error };
      fetched.freshUntil = 0;
      throw error;
    } finally {
      fetched.loading = undefined;
      keep();
    }
  }

  async function load(): Promise<void> {
    if (fetched.failure && justFailed()) throw fetched.failure.error;
    await (fetched.loading ??= fetchKeys());
    if (Provider.ctx) loadedBy.add(Provider.ctx);
  }

  function knowsCertificate(): boolean {
    const certificate =
      client['clientAuthMethod'] === 'self_signed_tls_client_auth' ? certificateOf() : undefined;
    if (!certificate) return true;
    const expected = thumbprintOf(certificate);
    return [...keys].some((key) => key['x5t#S256'] === expected);
  }

  Object.assign(keys, {
    /** The library asks when no key has fitted: false makes it refresh the keys and try once more. */
    fresh: (): boolean => justFailed() || (library.fresh() && !expire()),
    async refresh(): Promise<void> {
      follow();
      if (library.fresh() && (knowsCertificate() || !expire())) return;
      try {
        await load();
      } catch (error) {
        if (now() - fetched.fetchedAt >= WITHOUT_ANSWER_MS) throw error;
      }
      follow();
    },
    selectForVerify(options: object): object[] {
      follow();
      return library.fresh() || justFailed() ? library.select(options) : [];
    },
  } satisfies Partial<ClientKeys>);
  Object.defineProperty(keys, 'freshUntil', {
    get: () => fetched.freshUntil,
    set: (until: number) => (fetched.freshUntil = until),
  });
}
