import type { IncomingHttpHeaders } from 'node:http';
import { comparable } from '../../plane/headers.js';
import { isNotStored } from '../header-rules.js';

/** Headers of an answer by lower-case name. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[]>>;

const MOST_VARY = 20;
/** Each caller has its own value of these, also where the gateway makes it (`Gatehouse-Caller`). */
const BY_CALLER: ReadonlySet<string> = new Set([
  ...['authorization', 'cookie', 'dpop', 'gatehouse-caller', 'proxy-authorization'],
]);
/** Of these the backend gets a value that the gateway makes, of the call or of the caller's address. */
const OF_GATEWAY: ReadonlySet<string> = new Set([
  ...['forwarded', 'traceparent', 'tracestate', 'via', 'x-request-id'],
]);
/** Requests that the cache leaves alone: for a part, or for a change of what they know already (RFC 9110, 13 and 14). */
const PASSED_ON = ['range', 'if-range', 'if-match', 'if-unmodified-since'];

export const lineOf = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' || value === undefined ? value : value.join(', ');

/**
 * The directives of a `Cache-Control` header, with names in lower case (RFC 9111, 5.2). One that is for some headers only
 * counts as if it were for all.
 */
export function directivesOf(header: string | readonly string[] | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const part of (lineOf(header) ?? '').split(',')) {
    const [name = '', value = ''] = part.split('=', 2);
    const folded = name.trim().toLowerCase();
    if (folded !== '') found.set(folded, value.trim().replace(/^"|"$/g, ''));
  }
  return found;
}

export const isPassedOn = (headers: IncomingHttpHeaders): boolean =>
  PASSED_ON.some((name) => headers[name] !== undefined);

/** What of a request decides whether a kept answer is good for it. The library compares names as they are written. */
export const freshnessHeaders = ({
  'cache-control': control,
  pragma,
}: IncomingHttpHeaders): Record<string, string> => ({
  ...(control !== undefined && { 'cache-control': control.toLowerCase() }),
  ...(pragma !== undefined && { pragma: pragma.toLowerCase() }),
});

/** How an answer is kept. */
export interface Storing {
  isShared: boolean;
  /** The request headers that it depends on. */
  vary: readonly string[];
  /** Its headers for the library, by which it says how long it is fresh. */
  forPolicy: Record<string, string>;
}

/**
 * Whether an answer with status 200 may be kept, and for whom. Without a word of the backend it is fresh for the time of the
 * policy. What is `private` is not kept: the backend has said that no cache on the way should.
 * @param seconds of the policy
 */
export function storingOf(
  request: IncomingHttpHeaders,
  answer: AnswerHeaders,
  seconds: number,
): Storing | undefined {
  const control = directivesOf(answer['cache-control']);
  const isRefused =
    control.has('no-store') ||
    control.has('private') ||
    directivesOf(request['cache-control']).has('no-store');
  const isOld = answer['cache-control'] === undefined && directivesOf(answer['pragma']).has('no-cache');
  const vary = varyOf(answer['vary']);
  if (isRefused || isOld || !vary || answer['trailer'] !== undefined) return undefined;
  const says = control.has('public') || control.has('s-maxage');
  return {
    isShared: says && !vary.some((name) => BY_CALLER.has(name)),
    vary,
    forPolicy: policyHeaders(answer, control, seconds),
  };
}

/** The names of a `Vary` header; undefined where there are too many, or one by which no two calls are the same. */
function varyOf(header: string | readonly string[] | undefined): string[] | undefined {
  const names = (lineOf(header) ?? '').split(',').map((name) => name.trim());
  const found = names.filter((name) => name !== '').map(comparable);
  const isOfOneCall = names.includes('*') || found.some((name) => OF_GATEWAY.has(name));
  return isOfOneCall || found.length > MOST_VARY ? undefined : found;
}

/**
 * Stale answers are never given without asking the backend, so the directives that forbid it are left out: the library would
 * not give fresh ones either.
 */
function policyHeaders(
  answer: AnswerHeaders,
  control: ReadonlyMap<string, string>,
  seconds: number,
): Record<string, string> {
  const directives = new Map(control);
  for (const name of ['must-revalidate', 'proxy-revalidate', 'stale-while-revalidate', 'stale-if-error'])
    directives.delete(name);
  const isSaid =
    ['max-age', 's-maxage'].some((name) => directives.has(name)) || answer['expires'] !== undefined;
  if (!isSaid) directives.set('max-age', String(seconds));
  const named = ['date', 'age', 'expires', 'etag', 'last-modified'].flatMap((name) => {
    const value = lineOf(answer[name]);
    return value === undefined ? [] : [[name, value] as const];
  });
  const line = [...directives].map(([name, value]) => (value === '' ? name : `${name}=${value}`)).join(', ');
  return { ...Object.fromEntries(named), 'cache-control': line };
}

/** The headers of an answer that are kept: none of the connection, none that `Connection` names, no cookies. */
export function keptHeaders(answer: AnswerHeaders): [name: string, value: string][] {
  const named = new Set(
    (lineOf(answer['connection']) ?? '')
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  return Object.entries(answer).flatMap(([name, value]) =>
    isNotStored(name) || named.has(name) ? [] : [value].flat().map((line): [string, string] => [name, line]),
  );
}

/** Whether a caller has the answer already (RFC 9110, 13.1). `If-None-Match` wins over `If-Modified-Since`. */
export function isNotModified(
  request: IncomingHttpHeaders,
  etag: string | undefined,
  modified: string | undefined,
): boolean {
  const tags = request['if-none-match'];
  const weak = (tag: string): string => tag.trim().replace(/^W\//, '');
  if (tags !== undefined)
    return (
      tags.trim() === '*' || (etag !== undefined && tags.split(',').some((tag) => weak(tag) === weak(etag)))
    );
  const since = Date.parse(request['if-modified-since'] ?? '');
  return modified !== undefined && Date.parse(modified) <= since;
}
