import { RATE_FIELDS, rateFields } from '../../limits/index.js';
import type { RawHeaders } from './dispatcher.js';
import { changesOf, comparable, ISOLATION, namedIn, NOT_ANSWERED, NOT_IN_TRAILERS } from './headers.js';
import type { LocatedCall } from './steps.js';

/** The head of the backend's answer, before anything is left out of it. */
export interface BackendHead {
  status: number;
  rawHeaders: RawHeaders | undefined;
  /** By lower-case name. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What else decides on the headers of an answer. */
export interface AnswerContext {
  call: LocatedCall;
  cors: CorsHeaders;
  /** Whether trailers can follow: the body has no length, and the caller speaks HTTP/1.1. */
  mayHaveTrailers: boolean;
}

/** Headers by `cors`, which replace the backend's; undefined where there is no such policy. */
export type CorsHeaders = Readonly<Record<string, string>> | undefined;

const text = (raw: Buffer | string): string => (typeof raw === 'string' ? raw : raw.toString('latin1'));

/** A head's names and values in turn; empty where there are none. */
function listOf(raw: RawHeaders | undefined): string[] {
  const list: string[] = [];
  if (Array.isArray(raw)) for (const each of raw) list.push(text(each));
  return list;
}

/** Whether `cors` decides on a header alone, where there is such a policy. */
export const isCors = (key: string): boolean => key.startsWith('access-control-');

const RATE_KEYS: ReadonlySet<string> = new Set(RATE_FIELDS.map((name) => name.toLowerCase()));

/** Whether a header says how far a limit is used, of a call that the gateway has counted: then it says it itself. */
export const isOwnRate = ({ limit }: Pick<LocatedCall, 'limit'>, key: string): boolean =>
  limit !== undefined && RATE_KEYS.has(key);

const joined = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(',') : value;

/** The headers of the backend's answer for the caller, as names and values in turn. */
export function answerHeaders(head: BackendHead, context: AnswerContext): string[] {
  const { call, cors, mayHaveTrailers } = context;
  const named = namedIn(joined(head.headers['connection']));
  const changes = changesOf(call.policy.steps.setHeader?.response, NOT_ANSWERED);
  const list: string[] = [];
  const raw = listOf(head.rawHeaders);
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string;
    const key = comparable(name);
    if (NOT_ANSWERED.has(key) && !(key === 'trailer' && mayHaveTrailers)) continue;
    if (named.has(key) || changes.names.has(key) || (cors !== undefined && isCors(key))) continue;
    if (isOwnRate(call, key)) continue;
    // A status without a body has no length either; 304 may say the one of the answer that is kept (RFC 9110, 8.6).
    if (key === 'content-length' && (head.status === 204 || head.status < 200)) continue;
    list.push(name, raw[at + 1] as string);
  }
  list.push(...changes.set, ...ownHeaders(call, cors, changes.names));
  return list;
}

/** What the gateway says itself with each answer. @param changed the names that the policy decides on, in lower case. */
export function ownHeaders(
  { facts, limit }: Pick<LocatedCall, 'facts'> & Partial<Pick<LocatedCall, 'limit'>>,
  cors: CorsHeaders,
  changed?: ReadonlySet<string>,
): string[] {
  const list = [...ISOLATION, 'X-Request-Id', facts.requestId];
  if (limit !== undefined)
    for (const [name, value] of Object.entries(rateFields(limit)))
      if (!changed?.has(name.toLowerCase())) list.push(name, value);
  // A second `Vary` is added to the first one by those who read it (RFC 9110, 5.3).
  if (cors) for (const name of Object.keys(cors)) list.push(name, cors[name] as string);
  return list;
}

/** The trailers of the backend's answer for the caller. */
export function answerTrailers(
  call: Pick<LocatedCall, 'limit'>,
  rawTrailers: RawHeaders | undefined,
): [string, string][] {
  const list: [string, string][] = [];
  const raw = listOf(rawTrailers);
  for (let at = 0; at < raw.length; at += 2) {
    const key = comparable(raw[at] as string);
    if (isOwnRate(call, key)) continue;
    if (!NOT_ANSWERED.has(key) && !NOT_IN_TRAILERS.has(key))
      list.push([raw[at] as string, raw[at + 1] as string]);
  }
  return list;
}
