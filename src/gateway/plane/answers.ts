import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestFacts } from '../../kernel/request.js';
import type { RateState } from '../../limits/index.js';
import { closeUnread, endStalled } from './linger.js';
import { changesOf, comparable, NOT_ANSWERED } from './headers.js';
import { PROBLEMS, type Problem, type ProblemWord } from './problem.js';
import { type CorsHeaders, isCors, isOwnRate, ownHeaders } from './response-headers.js';
import type { Answer, LocatedCall } from './steps.js';

const TITLES: Record<ProblemWord, string> = {
  'not-found': 'Nothing is at this path',
  address: 'Your address may not call this API',
  'bad-path': 'The path has a form that is not accepted',
  method: 'The method is not allowed at this path',
  token: 'A valid token is required',
  scope: 'The token does not have the scope',
  permission: 'The user does not have the permission',
  'product-key': 'A valid product key is required',
  product: 'The product key does not open this API',
  'rate-limit': 'Too many calls',
  quota: 'The quota is used up',
  'invalid-request': 'The request is not valid',
  'too-large': 'The body is too large',
  'media-type': 'The media type is not supported',
  backend: 'The backend did not answer',
  'circuit-open': 'The backend is left alone for now',
  timeout: 'The backend did not answer in time',
};

/** How long a caller may take nothing of an answer where no policy says it. */
const DEFAULT_IDLE_MS = 300_000;

/** A request, its answer, and what is known of it. */
export interface Exchanged {
  request: IncomingMessage;
  response: ServerResponse;
  facts: RequestFacts;
  /** See LocatedCall. */
  limit?: RateState | undefined;
}

/** Sends a head and a whole body. Nothing is sent where the caller has left or an answer has begun. */
function send(
  { request, response }: Exchanged,
  status: number,
  headers: string[],
  body: Buffer,
  idleMs = DEFAULT_IDLE_MS,
): void {
  if (response.headersSent || response.destroyed) return;
  closeUnread(request, response);
  if (status !== 204 && status !== 304) headers.push('Content-Length', String(body.length));
  response.writeHead(status, headers);
  response.end(request.method === 'HEAD' ? undefined : body);
  endStalled(response, idleMs);
}

/** The document of a problem (RFC 9457). */
export const problemDocument = (
  { requestId }: RequestFacts,
  { word, detail, extensions }: Problem,
): Record<string, unknown> => ({
  type: `urn:gatehouse:gateway:${word}`,
  title: TITLES[word],
  status: PROBLEMS[word],
  detail,
  requestId,
  ...extensions,
});

/**
 * Answers with a problem document. HEAD gets the same head without the body.
 * @param cors headers for a browser's script, which could not read the problem without them.
 */
export function sendProblem(exchanged: Exchanged, problem: Problem, cors?: CorsHeaders): void {
  const { word, headers = {} } = problem;
  exchanged.facts.outcome = word;
  const document = problemDocument(exchanged.facts, problem);
  const list = ['Content-Type', 'application/problem+json', 'Cache-Control', 'no-store'];
  for (const [name, value] of Object.entries(headers)) list.push(name, value);
  list.push(...ownHeaders(exchanged, cors));
  send(exchanged, PROBLEMS[word], list, Buffer.from(JSON.stringify(document)));
}

/** Answers with what a step has made, or the cache has kept. */
export function sendAnswer(call: LocatedCall, answer: Answer, cors?: CorsHeaders): void {
  const changes = changesOf(call.policy.steps.setHeader?.response, NOT_ANSWERED);
  const list: string[] = [];
  for (let at = 0; at < answer.headers.length; at += 2) {
    const [name, value] = [answer.headers[at] as string, answer.headers[at + 1] as string];
    const key = comparable(name);
    if (NOT_ANSWERED.has(key) || key === 'content-length' || changes.names.has(key)) continue;
    if (isOwnRate(call, key)) continue;
    if (cors === undefined || !isCors(key)) list.push(name, value);
  }
  list.push(...changes.set, ...ownHeaders(call, cors, changes.names));
  const { idleSeconds } = call.policy.steps.timeout;
  const { status, body = '' } = answer;
  // A body that is kept is the same memory for all callers that take their time.
  send(call, status, list, Buffer.isBuffer(body) ? body : Buffer.from(body), idleSeconds * 1000);
}
