import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import { soon, type Soon } from '../../kernel/soon.js';
import type { Tenant } from '../../tenants/index.js';
import type { Router } from '../documents/index.js';
import type { CompiledPolicy } from '../policies/index.js';
import type { LiveApi, LiveRevision } from '../types.js';
import { placeOf, readTarget, type Place } from './address.js';
import type { Problem } from './problem.js';
import type { LocatedCall, PolicyRunner, RouteSource } from './steps.js';

/** What calls are located with. */
export interface LocatorBase {
  /** The tenant's API at a suffix, as it is written; undefined where there is none. */
  bySuffix(tenant: Tenant, suffix: string): Soon<LiveApi | undefined>;
  routes: RouteSource;
  policies: PolicyRunner;
}

/** What is known of a call when it comes in. */
export type IncomingCall = Pick<LocatedCall, 'request' | 'response' | 'tenant' | 'facts'>;

/** Finds the API, the version and the revision of a call, and what of their document it matches. */
export type Locate = (incoming: IncomingCall) => Soon<LocatedCall | { problem: Problem }>;

/** What requests of a revision are matched by. */
interface Prepared {
  router: Router;
  policies: CompiledPolicy;
}

/** Operations of prepared revisions together: some 8 MB of routers, and what the documents themselves take (docs/performance.md). */
const MOST_OPERATIONS = 60_000;

const NO_PARAMETERS: Readonly<Record<string, string>> = {};

const NOT_FOUND = {
  problem: {
    word: 'not-found',
    detail: 'No API is at this address. Check the suffix and its case, the version and the revision number.',
  },
} as const;
const BAD_TARGET = {
  problem: {
    word: 'bad-path',
    detail: 'The address is longer than 8 KiB, or does not begin with /gateway/ and the suffix of an API.',
  },
} as const;
const BAD_FRAMING = {
  problem: {
    word: 'invalid-request',
    detail:
      'The version of HTTP is neither 1.0 nor 1.1, or the body has a transfer coding other than chunked of HTTP/1.1. Send a Content-Length, or Transfer-Encoding: chunked.',
  },
} as const;

/** Whether the request is framed in a way that the backend would not read otherwise (RFC 9112, 2.3 and 6.1). */
const isFramedPlainly = ({ headers, httpVersion }: IncomingMessage): boolean => {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return false;
  const coding = headers['transfer-encoding'];
  return coding === undefined || (httpVersion === '1.1' && coding.toLowerCase() === 'chunked');
};

/** Prepares revisions at their first call, and keeps the most recently used ones. */
function openPreparer(
  routes: RouteSource,
  policies: PolicyRunner,
): (revision: LiveRevision) => Soon<Prepared> {
  const prepared = new LRUCache<LiveRevision, Prepared>({ maxSize: MOST_OPERATIONS });
  return (revision) => {
    const found = prepared.get(revision);
    if (found) return found;
    return revision.document().then((document) => {
      const made = {
        router: routes.routerOf(document),
        policies: policies.compile(revision.policy),
      };
      prepared.set(revision, made, { size: document.operations.length + 1 });
      return made;
    });
  };
}

function callOf(
  { request, response, tenant, facts }: IncomingCall,
  api: LiveApi,
  place: Place,
  { router, policies }: Prepared,
): LocatedCall {
  const { method = '' } = request;
  const match = method === 'TRACE' ? undefined : router.match(method, place.path);
  const route = match && 'operation' in match ? match : undefined;
  return {
    request,
    response,
    tenant,
    facts,
    api,
    version: place.version,
    revision: place.revision,
    path: place.path,
    query: place.query,
    method,
    operation: route?.operation,
    parameters: route?.parameters ?? NO_PARAMETERS,
    router,
    policy: route ? policies.of(route.operation) : policies.base,
    policies,
    caller: undefined,
    key: undefined,
    limit: undefined,
    body: undefined,
    store: undefined,
  };
}

export function openLocator({ bySuffix, routes, policies }: LocatorBase): Locate {
  const prepare = openPreparer(routes, policies);
  return (incoming) => {
    const { request, response, tenant } = incoming;
    const target = readTarget(request.url ?? '');
    if (!target) return BAD_TARGET;
    if (!isFramedPlainly(request)) {
      response.shouldKeepAlive = false;
      return BAD_FRAMING;
    }
    return soon(bySuffix(tenant, target.suffix), (api) => {
      const place = api && placeOf(api, target, request.headers);
      if (!place) return NOT_FOUND;
      return soon(prepare(place.revision), (made) => callOf(incoming, api, place, made));
    });
  };
}
