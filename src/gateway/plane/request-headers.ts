import type { IncomingMessage } from 'node:http';
import { plain } from '../../kernel/forwarded.js';
import type { Call } from './steps.js';
import { forwardedFor } from './forwarded.js';
import { changesOf, comparable, isIdentity, namedIn, NOT_SENT } from './headers.js';
import { nextTrace } from './trace-context.js';

/** What the headers to the backend depend on, in addition to the call. */
export interface Outgoing {
  trustsProxy(address: string): boolean;
  /** The header in which proxies in front pass a client's certificate to this server, in lower case: not for backends. */
  certificateHeader: string;
  /** The value of `Gatehouse-Caller`, where a token was checked. */
  caller: string | undefined;
  /** Conditions of the cache, which replace all of the caller's, as names and values in turn. */
  conditions: readonly string[];
  /** The length of a body that is streamed, where the caller said it. */
  contentLength: string | undefined;
}

const WANTS_TRAILERS = /(?:^|,)\s*trailers\s*(?:,|$)/i;

/** The credentials of the token, which stop here unless the API passes them on. */
const isToken = (name: string): boolean => name === 'authorization' || name === 'dpop';

/** Whether the caller's token goes to the backend. */
export const passesToken = ({ version }: Pick<Call, 'version'>): boolean =>
  version.passToken || version.authServer === 'none';

/** `Forwarded` (RFC 7239): what a trusted proxy said before is kept in front. */
function forwardedOf({ request, facts, tenant }: Call, trustsProxy: Outgoing['trustsProxy']): string {
  const before = rawValues(request.rawHeaders, 'forwarded');
  if (before.length > 0) {
    const peer = plain(request.socket.remoteAddress ?? '');
    if (trustsProxy(peer)) return `${before.join(', ')}, ${forwardedFor(peer, tenant.issuer)}`;
  }
  return forwardedFor(facts.address, tenant.issuer);
}

/** By one of them a caller could have the backend confirm something else than what the cache asks about by the other. */
const CONDITIONS: ReadonlySet<string> = new Set(['if-none-match', 'if-modified-since']);

/** The headers of the request to the backend, as names and values in turn. The pool adds `Host` and the framing. */
export function requestHeaders(call: Call, outgoing: Outgoing): string[] {
  const { request, facts } = call;
  const { rawHeaders, headers } = request;
  const certificate = outgoing.certificateHeader;
  const named = namedIn(headers.connection);
  const changes = changesOf(call.policy.steps.setHeader?.request, NOT_SENT);
  const isCacheAsking = outgoing.conditions.length > 0;
  const keepsToken = passesToken(call);
  const [parent, ...others] = rawValues(rawHeaders, 'traceparent');
  const trace = nextTrace(others.length === 0 ? parent : undefined);
  const list: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    const key = comparable(name);
    if (key === 'tracestate' ? !trace.continued : NOT_SENT.has(key)) continue;
    if (isIdentity(key) || key === certificate || named.has(key) || changes.names.has(key)) continue;
    if ((!keepsToken && isToken(key)) || (isCacheAsking && CONDITIONS.has(key))) continue;
    list.push(name, rawHeaders[at + 1] as string);
  }
  if (headers.te !== undefined && WANTS_TRAILERS.test(String(headers.te))) list.push('TE', 'trailers');
  if (outgoing.contentLength !== undefined) list.push('Content-Length', outgoing.contentLength);
  list.push(
    'Forwarded',
    forwardedOf(call, outgoing.trustsProxy),
    'Via',
    `${request.httpVersion} gatehouse`,
    'X-Request-Id',
    facts.requestId,
    'traceparent',
    trace.parent,
  );
  if (outgoing.caller !== undefined) list.push('Gatehouse-Caller', outgoing.caller);
  list.push(...outgoing.conditions, ...changes.set);
  return list;
}

/**
 * A request's headers as a backend may read them, by the names that they are compared by: without those that `Connection` names,
 * which stop here, and with all lines of a name, of some of which Node keeps the first. What is decided by a header (validation,
 * the cache) must not be decided by another value than the backend's.
 */
export function endToEndHeaders({ rawHeaders, headers }: IncomingMessage): Record<string, string> {
  const named = namedIn(headers.connection);
  const values = new Map<string, string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const key = comparable(rawHeaders[at] as string);
    const [before, value] = [values.get(key), rawHeaders[at + 1] as string];
    if (!named.has(key)) values.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(values);
}

/** The values of a header, in their order. The app changes `headers`; these are as they came. */
export function rawValues(raw: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const given = raw[at] as string;
    if (given.length === name.length && given.toLowerCase() === name) values.push(raw[at + 1] as string);
  }
  return values;
}
