import { createHash, type X509Certificate } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import Provider, { type Client as OidcClient } from 'oidc-provider';
import { factsOf } from '../kernel/request.js';

/** The keys of a client as the library keeps them (its models/client.js). */
interface ClientKeys extends Iterable<{ 'x5t#S256'?: string }> {
  /** Epoch seconds until which the keys are not fetched again. */
  freshUntil?: number | undefined;
  fresh(): boolean;
  refresh(): Promise<void>;
  selectForVerify(options: object): object[];
}

/** A client's keys are fetched at most once in this time because something does not fit them. */
const AGAIN_MS = 10_000;
/** The longest that keys are used before they are fetched again: a key that the client has taken away ends by then. */
const LONGEST_SECONDS = 300;
/** How long keys are used whose address does not answer. */
const WITHOUT_ANSWER_MS = 3_600_000;

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
export function followKeys(client: OidcClient, now: () => number = () => performance.now()): void {
  if (client['jwksUri'] === undefined) return;
  const keys = client['asymmetricKeyStore'] as ClientKeys;
  const library = {
    fresh: keys.fresh.bind(keys),
    refresh: keys.refresh.bind(keys),
    select: keys.selectForVerify.bind(keys),
  };
  const loadedBy = new WeakSet<object>();
  let fetchedAt = -Infinity;
  let askedAgainAt = -Infinity;
  let failure: { at: number; error: unknown } | undefined;

  const justFailed = (): boolean => failure !== undefined && now() - failure.at < AGAIN_MS;

  /** Lets the keys be fetched again, unless that was done a moment ago, or by this request. */
  function expire(): boolean {
    const { ctx } = Provider;
    if (now() - askedAgainAt < AGAIN_MS || (ctx && loadedBy.has(ctx))) return false;
    askedAgainAt = now();
    keys.freshUntil = 0;
    return true;
  }

  async function load(): Promise<void> {
    if (failure && justFailed()) throw failure.error;
    try {
      await library.refresh();
      failure = undefined;
      fetchedAt = now();
      if (Provider.ctx) loadedBy.add(Provider.ctx);
      keys.freshUntil = Math.min(keys.freshUntil ?? 0, Math.floor(Date.now() / 1000) + LONGEST_SECONDS);
    } catch (error) {
      failure = { at: now(), error };
      keys.freshUntil = 0;
      throw error;
    }
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
      if (library.fresh() && (knowsCertificate() || !expire())) return;
      try {
        await load();
      } catch (error) {
        if (now() - fetchedAt >= WITHOUT_ANSWER_MS) throw error;
      }
    },
    selectForVerify: (options: object): object[] =>
      library.fresh() || justFailed() ? library.select(options) : [],
  } satisfies Partial<ClientKeys>);
}
