/** What passes a gateway and what does not, by lower-case names (RFC 9110, 7.6.1). Lists of headers are names and values in turn. */

/** Of one connection, whether or not `Connection` names them. `Trailer` and `TE` are looked at on their own. */
const HOP_BY_HOP: readonly string[] = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/**
 * What callers send does not go on: framing, what the gateway says itself, and `Proxy`, which backends that run CGI programs pass on
 * as the variable that HTTP clients read their proxy from (CVE-2016-5385).
 */
export const NOT_SENT: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'content-length',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'ocp-apim-subscription-key',
  'proxy',
  'traceparent',
  'tracestate',
  'x-real-ip',
  'x-request-id',
]);

/** Names that say who calls. */
export const isIdentity = (name: string): boolean =>
  name.startsWith('x-forwarded-') || name.startsWith('gatehouse-');

const UNUSUAL = /[^a-z0-9-]/;

/**
 * A header's name as it is compared. Backends that write names into variables read `_` as `-` (CGI, WSGI), and some all other
 * characters too (lighttpd), so another spelling must not bring a header past the gateway.
 */
export const comparable = (name: string): string => {
  const lower = name.toLowerCase();
  return UNUSUAL.test(lower) ? lower.replace(/[^a-z0-9]/g, '-') : lower;
};

/**
 * What backends send does not reach the caller: framing, what the gateway says itself, and what acts on the whole origin, because
 * it is the issuer's.
 */
export const NOT_ANSWERED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'accept-ch',
  'alt-svc',
  'clear-site-data',
  'nel',
  'report-to',
  'service-worker-allowed',
  'set-cookie',
  'set-cookie2',
  'set-login',
  'strict-transport-security',
  'x-content-type-options',
  'x-request-id',
]);

/** Fields that may not stand in trailers (RFC 9110, 6.5.1), among those that would pass in a head. */
export const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-security-policy',
  'content-type',
  'host',
  'location',
  'www-authenticate',
]);

/** What is said with each answer, because it is at the issuer's origin: it runs as a document of its own, and is not guessed at. */
export const ISOLATION: readonly string[] = [
  'Content-Security-Policy',
  'sandbox',
  'X-Content-Type-Options',
  'nosniff',
];

const NOTHING: ReadonlySet<string> = new Set();

/** The names that a `Connection` header names, in lower case. */
export function namedIn(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return NOTHING;
  return new Set(connection.split(',').map((name) => comparable(name.trim())));
}

/** Headers that a policy sets or removes. */
export interface HeaderChanges {
  /** All of them, in lower case: what came under these names is dropped. */
  readonly names: ReadonlySet<string>;
  /** Names and values in turn. */
  readonly set: readonly string[];
}

const NO_CHANGES: HeaderChanges = { names: NOTHING, set: [] };
const made = new WeakMap<Record<string, string | null>, HeaderChanges>();

/**
 * What `setHeader` says, made once for each policy. Names that the gateway itself sets or drops are left out, whatever the policy
 * says of them.
 */
export function changesOf(
  changes: Record<string, string | null> | undefined,
  reserved: ReadonlySet<string>,
): HeaderChanges {
  if (!changes) return NO_CHANGES;
  let found = made.get(changes);
  if (!found) {
    const free = Object.entries(changes).filter(([name]) => {
      const key = comparable(name);
      return !reserved.has(key) && !isIdentity(key);
    });
    found = {
      names: new Set(free.map(([name]) => comparable(name))),
      set: free.flatMap(([name, value]) => (value === null ? [] : [name, value])),
    };
    made.set(changes, found);
  }
  return found;
}
