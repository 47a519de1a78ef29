/**
 * `cache`: answers to GET, kept in the memory of this process (RFC 9111).
 * An answer serves the caller alone that it was given to, unless the backend says `public` or `s-maxage`.
 * Every answer is fresh, or the backend has just confirmed it. Changes of an address drop its answers, in this process.
 * It must never keep what broke off, what the backend calls `private` or `no-store`, headers of a connection, or cookies.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type CachePolicyClass from 'http-cache-semantics';
import { steadyNow } from '../../../kernel/clock.js';
import { whenNeeded } from '../../../kernel/when-needed.js';
import type { Answer, CacheStore, CacheTurn } from '../../plane/steps.js';
import { Entries, type Entry, type Place } from './entries.js';
import { recordBody, type Room } from './recorder.js';
import {
  freshnessHeaders,
  isNotModified,
  isPassedOn,
  keptHeaders,
  lineOf,
  storingOf,
  type AnswerHeaders,
  type Storing,
} from './rules.js';

const library = whenNeeded<typeof CachePolicyClass>('http-cache-semantics');

export interface CachedCall {
  method: string;
  /** Whose answers these are: an object for each revision. */
  scope: object;
  /** Path and query, as they were sent. */
  uri: string;
  /** A name of the caller: answers that are not shared serve those of one name. Never ''. */
  caller: string;
  headers: IncomingHttpHeaders;
  hasBody: boolean;
}

export interface ResponseCache {
  /** What the cache has for a GET or HEAD, or how the backend's answer is kept; undefined where it has no part in the call. */
  lookup(step: { seconds: number; maxBytes: number }, call: CachedCall): CacheTurn | undefined;
  /** For calls that change something: drops the answers of their address once the backend has done it. */
  changing(call: Pick<CachedCall, 'scope' | 'uri'>): CacheTurn;
}

export interface CacheOptions {
  /** Bytes of all kept answers together. */
  maxBytes?: number;
  /** Milliseconds since the epoch, which never step back: an answer must not get younger. */
  now?: () => number;
}

const MOST_BYTES = 64 * 1024 * 1024;
const MOST_UNDER_WAY = 64 * 1024 * 1024;

interface Parts {
  entries: Entries;
  room: Room;
  now: () => number;
  Policy: () => typeof CachePolicyClass;
}

export function openCache({ maxBytes = MOST_BYTES, now = steadyNow }: CacheOptions = {}): ResponseCache {
  let clocked: typeof CachePolicyClass | undefined;
  const parts: Parts = {
    entries: new Entries(maxBytes),
    room: { left: MOST_UNDER_WAY },
    now,
    Policy: () => (clocked ??= withClock(now)),
  };
  const addressOf = addresses();
  return {
    lookup(step, call) {
      const isRead = call.method === 'GET' || call.method === 'HEAD';
      if (!isRead || call.hasBody || isPassedOn(call.headers)) return undefined;
      return lookup(parts, { ...call, address: addressOf(call), ...step });
    },
    changing(call) {
      const address = addressOf(call);
      return {
        store: {
          conditions: [],
          begin(status) {
            if (status >= 200 && status < 400) parts.entries.invalidate(address);
            return undefined;
          },
        },
      };
    },
  };
}

/** The library with our clock, so that tests need not wait. */
function withClock(now: () => number): typeof CachePolicyClass {
  return class extends library() {
    now(): number {
      return now();
    }
  };
}

/** Names of addresses: of one revision, as nothing else is called. */
function addresses(): (call: Pick<CachedCall, 'scope' | 'uri'>) => string {
  const names = new WeakMap<object, number>();
  let named = 0;
  return ({ scope, uri }) => {
    const name = names.get(scope) ?? (named += 1);
    names.set(scope, name);
    return `${name} ${uri}`;
  };
}

interface Lookup extends CachedCall {
  address: string;
  seconds: number;
  maxBytes: number;
}

function lookup(parts: Parts, call: Lookup): CacheTurn | undefined {
  const places: Place[] = ['', call.caller].map((caller) => ({ address: call.address, caller }));
  const found = places.flatMap((place) => {
    const entry = parts.entries.find(place, call.headers);
    return entry ? [{ place, entry }] : [];
  });
  const [newest] = found.toSorted((one, other) => other.entry.at - one.entry.at);
  if (newest && isFresh(parts, newest.entry, call)) return { answer: answerOf(newest.entry, call.headers) };
  // An answer to HEAD has no body to keep, and could not confirm one.
  return call.method === 'GET' ? { store: storeFor(parts, call, newest) } : undefined;
}

function isFresh({ now }: Parts, { policy, at }: Entry, { headers, seconds }: Lookup): boolean {
  if (policy.stale() || now() - at >= seconds * 1000) return false;
  return policy.satisfiesWithoutRevalidation({ headers: freshnessHeaders(headers) });
}

const headerOf = (entry: Entry, name: string): string | undefined =>
  entry.headers.find(([each]) => each === name)?.[1];

const OF_BODY: ReadonlySet<string> = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
]);

/** A kept answer with its age, or 304 where the caller has it already. */
function answerOf(entry: Entry, request: IncomingHttpHeaders): Answer {
  const isKnown = isNotModified(request, headerOf(entry, 'etag'), headerOf(entry, 'last-modified'));
  const headers = entry.headers.flatMap(([name, value]) =>
    name === 'age' || (isKnown && OF_BODY.has(name)) ? [] : [name, value],
  );
  headers.push('age', String(Math.floor(entry.policy.age())));
  return isKnown ? { status: 304, headers } : { status: 200, headers, body: entry.body };
}

interface Kept {
  place: Place;
  entry: Entry;
}

/** How the backend's answer is kept, and how a kept one is confirmed by it. */
function storeFor(parts: Parts, call: Lookup, kept: Kept | undefined): CacheStore {
  const since = parts.entries.now;
  const conditions = kept ? conditionsOf(kept.entry) : [];
  return {
    conditions,
    begin(status, headers) {
      if (status === 304 && kept && conditions.length > 0)
        return confirmed(parts, call, kept, headers, since);
      if (status !== 200) return undefined;
      const storing = storingOf(call.headers, headers, call.seconds);
      const said = lengthIn(headers);
      if (!storing || (said ?? 0) > call.maxBytes) return undefined;
      const entry = entryOf(parts, call, storing, headers);
      if (!entry) return undefined;
      const place = { address: call.address, caller: storing.isShared ? '' : call.caller };
      return recordBody({ most: call.maxBytes, said }, parts.room, (body) =>
        parts.entries.put(place, { ...entry, body }, since),
      );
    },
  };
}

function lengthIn(headers: AnswerHeaders): number | undefined {
  const written = lineOf(headers['content-length']);
  return written === undefined ? undefined : Number(written);
}

/** What asks the backend whether an answer still holds (RFC 9111, 4.3.1). */
function conditionsOf(entry: Entry): string[] {
  const [etag, modified] = [headerOf(entry, 'etag'), headerOf(entry, 'last-modified')];
  return [
    ...(etag === undefined ? [] : ['If-None-Match', etag]),
    ...(modified === undefined ? [] : ['If-Modified-Since', modified]),
  ];
}

/** An answer without its body; undefined where it could serve nobody. */
function entryOf(
  { Policy, now }: Parts,
  { headers: request }: Lookup,
  { isShared, vary, forPolicy }: Storing,
  headers: AnswerHeaders,
): Omit<Entry, 'body'> | undefined {
  const policy = new (Policy())(
    { method: 'GET', headers: {} },
    { status: 200, headers: forPolicy },
    { shared: isShared, cacheHeuristic: 0 },
  );
  const canBeConfirmed = headers['etag'] !== undefined || headers['last-modified'] !== undefined;
  if (!policy.storable() || (policy.stale() && !canBeConfirmed)) return undefined;
  return {
    headers: keptHeaders(headers),
    policy,
    vary: vary.map((name) => [name, lineOf(request[name])] as const),
    at: now(),
  };
}

/** A kept answer that the backend has confirmed, with the headers that came with that (RFC 9111, 4.3.4). */
function confirmed(
  parts: Parts,
  call: Lookup,
  { entry }: Kept,
  headers: AnswerHeaders,
  since: number,
): Answer {
  const fresh = Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_BODY.has(name)));
  const merged: Record<string, string | readonly string[]> = {};
  for (const [name, value] of entry.headers) merged[name] = [...[merged[name] ?? []].flat(), value];
  delete merged['age'];
  Object.assign(merged, fresh);
  const storing = storingOf(call.headers, merged, call.seconds);
  const updated = storing && entryOf(parts, call, storing, merged);
  if (!storing || !updated) {
    parts.entries.invalidate(call.address);
    return answerOf({ ...entry, headers: keptHeaders(merged) }, call.headers);
  }
  const whole: Entry = { ...updated, body: entry.body };
  parts.entries.put({ address: call.address, caller: storing.isShared ? '' : call.caller }, whole, since);
  return answerOf(whole, call.headers);
}
