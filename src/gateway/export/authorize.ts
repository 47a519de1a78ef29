import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CompiledOperation, LiveRevision } from '../types.js';
import { RATE_FIELDS } from '../../limits/index.js';
import { comparable, isIdentity } from '../plane/headers.js';
import { backendName, isCarried } from './backend-names.js';

/**
 * `GET /gateway/authorize`: how a proxy in front (nginx's `auth_request`) asks whether it may forward a call, and how.
 *
 * The proxy sends the caller's own headers, and with them (whatever the caller sent under these names is replaced):
 * - `Gatehouse-Method`, `Gatehouse-Uri`: the call's method and target, byte for byte;
 * - `Gatehouse-Connection`: the caller's `Connection`;
 * - `Gatehouse-Backends`: what it can forward to from where the call came in, by names (backend-names.ts), with commas;
 * - `X-Forwarded-For`: the caller's address.
 *
 * The answer has one of three statuses, because `auth_request` knows no others:
 * - 204: forward it. `Gatehouse-Backend` is one of those names, `Gatehouse-Path` the target at the backend, byte for byte, and
 *   `Gatehouse-Send-<name>` the headers of SENT; those that are left out are not sent, whatever the caller sent;
 * - 401: hand it over, as it came, to the data plane here, which decides it from the beginning. Nothing was counted;
 * - 403: refuse it, with the status `Gatehouse-Status` and the problem document `Gatehouse-Problem`, which is the body as well.
 * 204 and 403 have `Gatehouse-Answer-<name>`: the headers of ANSWERED that the caller gets in addition.
 *
 * Only a proxy of `trustProxy` may ask: the answer has the caller's identity for the backend in it.
 */
export const AUTHORIZE_PATH = '/gateway/authorize';

/** Headers to the backend that are decided here, each time. */
export const SENT = [
  'Authorization',
  'DPoP',
  'Forwarded',
  'Gatehouse-Caller',
  'traceparent',
  'tracestate',
  'Via',
  'X-Request-Id',
] as const;

/** Headers to the caller that are decided here, each time. */
export const ANSWERED = [
  'Access-Control-Allow-Credentials',
  'Access-Control-Allow-Origin',
  'Access-Control-Expose-Headers',
  'Allow',
  'DPoP-Nonce',
  ...RATE_FIELDS,
  'Retry-After',
  'Strict-Transport-Security',
  'Vary',
  'WWW-Authenticate',
  'X-Request-Id',
] as const;

const ASKED = ['gatehouse-method', 'gatehouse-uri', 'gatehouse-connection', 'gatehouse-backends'];

/** Headers that no caller's value may be sent on of, and that a proxy can only drop one by one. */
export const DROPPED = [
  'Cookie',
  'Gatehouse-Backends',
  'Gatehouse-Connection',
  'Gatehouse-Method',
  'Gatehouse-Uri',
  'HTTP2-Settings',
  'Ocp-Apim-Subscription-Key',
  'Proxy',
  'Proxy-Authenticate',
  'Proxy-Authentication-Info',
  'Proxy-Authorization',
  'Proxy-Connection',
  'Trailer',
  'X-Forwarded-By',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-Proto',
  'X-Forwarded-Server',
  'X-Forwarded-Ssl',
  'X-Real-IP',
] as const;

const KNOWN = new Set([...SENT, ...DROPPED].map((name) => name.toLowerCase()));

/** A call that a proxy asks about. */
export interface AuthorizeCall {
  /** With the call's own method, target and headers in place of those of the question. */
  request: IncomingMessage;
  /**
   * Whether the proxy can forward a call of this operation. Ask it as soon as the operation is known, and answer `handOver` where
   * it cannot: before that, nothing may be counted.
   */
  carries(revision: LiveRevision, operation: CompiledOperation): boolean;
}

export type Decision =
  | {
      kind: 'forward';
      revision: LiveRevision;
      /** The target at the backend: its own path, what is behind the API's address, and the query. */
      target: string;
      /** Headers to the backend, as names and values in turn; only those of SENT are taken. */
      headers: readonly string[];
      /** Headers to the caller; only those of ANSWERED are taken. */
      answered: Readonly<Record<string, string>>;
    }
  /** For what needs no backend as well: OPTIONS, `mock`, the cache. */
  | { kind: 'handOver' }
  | {
      kind: 'refuse';
      status: number;
      /** The problem document (RFC 9457). */
      document: Readonly<Record<string, unknown>>;
      answered: Readonly<Record<string, string>>;
    };

export type Authorize = (call: AuthorizeCall) => Decision | Promise<Decision>;

/** What a proxy does with `Connection` itself. */
const HOP_WORDS = new Set(['close', 'keep-alive', 'upgrade', 'te', 'http2-settings', '']);

/**
 * Whether a header of the caller's is one that does reach backends, or one that the proxy drops. A proxy that takes `_` in names
 * would pass on another spelling of what it drops.
 */
function canBeDropped(name: string): boolean {
  const dashed = comparable(name);
  if (name === dashed) return !isIdentity(name) || KNOWN.has(name);
  return !isIdentity(dashed) && !KNOWN.has(dashed);
}

/** Whether a header would reach the backend that the data plane drops: nginx drops headers by their whole names only. */
function needsThePlane({ headers, rawHeaders }: IncomingMessage): boolean {
  const named = String(headers['gatehouse-connection'] ?? '').toLowerCase();
  if (named.split(',').some((word) => !HOP_WORDS.has(word.trim()))) return true;
  // As they came: the app has taken some of them out of `headers`.
  return rawHeaders.some((text, at) => at % 2 === 0 && !canBeDropped(text.toLowerCase()));
}

/** Puts the call in place of the question, so that all that reads the request reads the call. */
function restore(request: IncomingMessage, method: string, target: string): void {
  const connection = request.headers['gatehouse-connection'];
  request.method = method;
  request.url = target;
  for (const name of ASKED) delete request.headers[name];
  delete request.headers.connection;
  if (connection !== undefined) request.headers.connection = String(connection);
  request.rawHeaders = withoutQuestion(request.rawHeaders);
}

const withoutQuestion = (raw: readonly string[]): string[] => {
  const asked = new Set([...ASKED, 'connection']);
  return raw.filter((_, at) => !asked.has((raw[at - (at % 2)] as string).toLowerCase()));
};

/** Answers a proxy's question, and says how. Rejects with what `authorize` throws; nothing is answered then. */
export async function answerAuthorize(
  request: IncomingMessage,
  response: ServerResponse,
  authorize: Authorize,
): Promise<Decision['kind']> {
  const [method, target] = [request.headers['gatehouse-method'], request.headers['gatehouse-uri']];
  const decision =
    typeof method === 'string' && typeof target === 'string'
      ? await decisionOf(request, method, target, authorize)
      : HAND_OVER;
  if (decision.kind === 'handOver') answer(response, 401, {});
  else if (decision.kind === 'refuse') refuse(response, decision);
  else forward(response, decision);
  return decision.kind;
}

const HAND_OVER: Decision = { kind: 'handOver' };

async function decisionOf(
  request: IncomingMessage,
  method: string,
  target: string,
  authorize: Authorize,
): Promise<Decision> {
  const backends = new Set(String(request.headers['gatehouse-backends'] ?? '').split(','));
  const handsOver = needsThePlane(request);
  restore(request, method, target);
  if (handsOver) return HAND_OVER;
  return authorize({
    request,
    carries: (revision, operation) => backends.has(backendName(revision)) && isCarried(revision, operation),
  });
}

function forward(response: ServerResponse, decision: Decision & { kind: 'forward' }): void {
  // Anything else would be part of the host's name, which the proxy puts before it.
  if (!decision.target.startsWith('/')) throw new Error('the target at a backend begins with a slash');
  answer(response, 204, {
    'Gatehouse-Backend': backendName(decision.revision),
    'Gatehouse-Path': decision.target,
    ...prefixed('Gatehouse-Send-', SENT, valuesOf(decision.headers)),
    ...prefixed('Gatehouse-Answer-', ANSWERED, new Map(Object.entries(decision.answered).map(lowerName))),
  });
}

const lowerName = ([name, value]: [string, string]): [string, string] => [name.toLowerCase(), value];

/** By lower-case name; values of the same name are one list (RFC 9110, 5.3). */
function valuesOf(list: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (let at = 0; at + 1 < list.length; at += 2) {
    const [name, value] = [(list[at] as string).toLowerCase(), list[at + 1] as string];
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return values;
}

const prefixed = (
  prefix: string,
  names: readonly string[],
  values: ReadonlyMap<string, string>,
): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = values.get(name.toLowerCase());
      return value === undefined ? [] : [[`${prefix}${name}`, value]];
    }),
  );

/** So long a problem document goes in a header at most: the proxy keeps the head of an answer in one buffer. */
const LONGEST_PROBLEM = 8192;

/** JSON in ASCII, as a header can have it. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** A document as a header has it. One that is too long loses its detail and what is not of RFC 9457. */
function inHeader(document: Readonly<Record<string, unknown>>): string {
  const whole = asciiJson(document);
  if (whole.length <= LONGEST_PROBLEM) return whole;
  const { type, title, status, requestId } = document;
  return asciiJson({ type, title, status, requestId });
}

function refuse(
  response: ServerResponse,
  { status, document, answered }: Decision & { kind: 'refuse' },
): void {
  const values = new Map(Object.entries(answered).map(lowerName));
  const body = JSON.stringify(document);
  answer(
    response,
    403,
    {
      'Gatehouse-Status': String(status),
      'Gatehouse-Problem': inHeader(document),
      'Content-Type': 'application/problem+json',
      ...prefixed('Gatehouse-Answer-', ANSWERED, values),
    },
    body,
  );
}

function answer(response: ServerResponse, status: number, headers: Record<string, string>, body = ''): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'Cache-Control': 'no-store',
    ...(status !== 204 && { 'Content-Length': Buffer.byteLength(body) }),
    ...headers,
  });
  response.end(body);
}
