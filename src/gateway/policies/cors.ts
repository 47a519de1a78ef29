import type { IncomingHttpHeaders } from 'node:http';
import type { PolicySteps } from '../types.js';

/** Which pages of other origins may call from a browser. Lists are written as headers have them. */
export interface Cors {
  /** `any` answers `*`, which browsers take for calls without credentials alone (Fetch standard, 3.3.6). */
  origins: ReadonlySet<string> | 'any';
  /** Undefined: the path's. */
  methods: string | undefined;
  /** Undefined: those that are asked for. */
  headers: string | undefined;
  exposeHeaders: string | undefined;
  credentials: boolean;
  maxAge: string;
}

type Headers = Record<string, string>;

const MOST_ASKED = 100;
const LONGEST_ASKED = 4096;
const TOKENS = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[\t ]*,[\t ]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*$/;
const PREFLIGHT_VARY = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';

const listed = (names: readonly string[] | undefined): string | undefined =>
  names && names.length > 0 ? names.join(', ') : undefined;

/**
 * The step as it runs. Every origin with credentials would let any page act for its visitor, so `*` never has them: the check
 * refuses the two together, and here they are not granted either.
 */
export function compileCors(cors: NonNullable<PolicySteps['cors']>): Cors {
  const isAny = cors.origins.includes('*');
  return {
    origins: isAny ? 'any' : new Set(cors.origins),
    methods: listed(cors.methods),
    headers: cors.headers && cors.headers.join(', '),
    exposeHeaders: listed(cors.exposeHeaders),
    credentials: !isAny && (cors.credentials ?? false),
    maxAge: String(cors.maxAge ?? 600),
  };
}

/** Whether a request only asks what another one may do (Fetch standard, 3.3.3). */
export const isPreflight = (method: string | undefined, headers: IncomingHttpHeaders): boolean =>
  method === 'OPTIONS' &&
  headers.origin !== undefined &&
  headers['access-control-request-method'] !== undefined;

/** Who may read an answer; undefined for an origin that may not. */
function granted({ origins, credentials }: Cors, origin: string): Headers | undefined {
  if (origins === 'any') return { 'Access-Control-Allow-Origin': '*' };
  if (!origins.has(origin)) return undefined;
  return {
    'Access-Control-Allow-Origin': origin,
    ...(credentials && { 'Access-Control-Allow-Credentials': 'true' }),
  };
}

/**
 * The headers of the answer to a preflight request, which is 204 without a body. An origin that may not call gets the answer
 * without a grant. Access from public pages to private networks (`Access-Control-Allow-Private-Network`) is never granted.
 * @param pathMethods the methods that the document has for the path
 */
export function preflight(cors: Cors, headers: IncomingHttpHeaders, pathMethods: readonly string[]): Headers {
  const grant = granted(cors, headers.origin ?? '');
  if (!grant) return { Vary: PREFLIGHT_VARY };
  const allowed = cors.headers ?? askedHeaders(headers);
  return {
    ...grant,
    'Access-Control-Allow-Methods': cors.methods ?? pathMethods.join(', '),
    ...(allowed && { 'Access-Control-Allow-Headers': allowed }),
    'Access-Control-Max-Age': cors.maxAge,
    Vary: PREFLIGHT_VARY,
  };
}

/** The headers that a preflight request asks for, where they are names of headers and not too many; else none is granted. */
function askedHeaders(headers: IncomingHttpHeaders): string | undefined {
  const asked = headers['access-control-request-headers'];
  if (asked === undefined || asked.length > LONGEST_ASKED || !TOKENS.test(asked)) return undefined;
  return asked.split(',').length > MOST_ASKED ? undefined : asked;
}

const NONE: Headers = {};
const BY_ORIGIN: Headers = { Vary: 'Origin' };

/**
 * The headers that an answer gets, a problem document too. `Vary` is added to the answer's own (`withVary`); the others replace
 * what the backend says, as do all of its `Access-Control-*` headers.
 * @param origin the request's `Origin`
 */
export function corsHeaders(cors: Cors | undefined, origin: string | undefined): Readonly<Headers> {
  if (!cors) return NONE;
  const vary = cors.origins === 'any' ? NONE : BY_ORIGIN;
  const grant = origin === undefined ? undefined : granted(cors, origin);
  if (!grant) return vary;
  return {
    ...grant,
    ...(cors.exposeHeaders !== undefined && { 'Access-Control-Expose-Headers': cors.exposeHeaders }),
    ...vary,
  };
}

/** A `Vary` header with more names, each once (RFC 9110, 12.5.5). */
export function withVary(own: string | undefined, added: string): string {
  if (own === undefined || own.trim() === '') return added;
  const names = own.split(',').map((name) => name.trim().toLowerCase());
  if (names.includes('*')) return own;
  const missing = added.split(', ').filter((name) => !names.includes(name.toLowerCase()));
  return [own, ...missing].join(', ');
}
