import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import { hasBody, type RequestFacts } from '../../kernel/request.js';
import { soon, type Soon } from '../../kernel/soon.js';
import { whenRead } from '../../kernel/turn-phases.js';
import { whenClosed } from '../../kernel/when-closed.js';
import type { Log } from '../../observe/index.js';
import type { Tenant } from '../../tenants/index.js';
import type { Router } from '../documents/index.js';
import type { CompiledPolicy } from '../policies/index.js';
import type { LiveApi, LiveRevision } from '../types.js';
import { placeOf, readTarget, type Place } from './address.js';
import { sendAnswer, sendProblem } from './answers.js';
import { openBreakers } from './breaker.js';
import type { Dispatcher } from './dispatcher.js';
import { openForwarder } from './forward.js';
import { openPools } from './pools.js';
import type { Problem } from './problem.js';
import { openSequence, type Outcome } from './sequence.js';
import type { AccessSteps, Call, LocatedCall, PolicyRunner, RouteSource, UsageEntry } from './steps.js';
import { openTunnels } from './tunnel.js';

export interface PlaneBase {
  /** The tenant's API at a suffix, as it is written; undefined where there is none. */
  bySuffix(tenant: Tenant, suffix: string): Soon<LiveApi | undefined>;
  routes: RouteSource;
  access: AccessSteps;
  policies: PolicyRunner;
  /** A pool of connections to an origin, within the tenant's reach. @throws Error where the address as written is out of reach */
  openPool(tenant: Tenant, origin: URL): Dispatcher;
  /** Called once at the end of each call whose API was found. */
  usage(entry: UsageEntry): void;
  /** Whether an address is one of the proxies in front, whose `Forwarded` is kept. */
  trustsProxy(address: string): boolean;
  /** The header in which proxies pass a client's certificate to this server. */
  certificateHeader: string;
  log: Log;
}

export interface Plane {
  /**
   * Answers a request whose target begins with `/gateway/`. What it returns is settled when the answer is on its way, not when it
   * is out. It rejects where a step fails in a way that has no problem document, as when the store is down.
   */
  handle(request: IncomingMessage, response: ServerResponse, tenant: Tenant, facts: RequestFacts): Soon<void>;
  /** Closes open WebSockets. Other calls go on. */
  endTunnels(): void;
  /** Waits for calls that are under way, and closes all connections to backends. */
  close(): Promise<void>;
}

/** What requests of a revision are matched by. */
interface Prepared {
  router: Router;
  policies: CompiledPolicy;
}

/** Operations of prepared revisions together: some 60 MB of routers (docs/performance.md). */
const MOST_OPERATIONS = 60_000;

const NO_PARAMETERS: Readonly<Record<string, string>> = {};

const NOT_FOUND: Problem = {
  word: 'not-found',
  detail: 'No API is at this address. Check the suffix, the version and the revision number.',
};
const BAD_TARGET: Problem = {
  word: 'bad-path',
  detail: 'The address is longer than 8 KiB, or does not begin with /gateway/ and the suffix of an API.',
};
const BAD_FRAMING: Problem = {
  word: 'invalid-request',
  detail:
    'The version of HTTP is neither 1.0 nor 1.1, or the body has a transfer coding other than chunked of HTTP/1.1. Send a Content-Length, or Transfer-Encoding: chunked.',
};

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

/** What is known of a call before its API's version is. */
type Start = Pick<LocatedCall, 'request' | 'response' | 'tenant' | 'facts' | 'api'>;

function callOf(start: Start, place: Place, { router, policies }: Prepared): LocatedCall {
  const { method = '' } = start.request;
  const match = method === 'TRACE' ? undefined : router.match(method, place.path);
  const route = match && 'operation' in match ? match : undefined;
  return {
    request: start.request,
    response: start.response,
    tenant: start.tenant,
    facts: start.facts,
    api: start.api,
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
    body: undefined,
    store: undefined,
  };
}

/** Counts a call when its answer is out or its connection has closed. */
function count(call: LocatedCall, usage: PlaneBase['usage']): void {
  const started = performance.now();
  whenClosed(call.response, () => {
    const { response, tenant, api, version, revision, operation, caller } = call;
    usage({
      tenantId: tenant.id,
      apiId: api.id,
      versionId: version.apiId,
      revisionId: revision.id,
      operation: operation?.key,
      clientId: caller?.clientId,
      status: response.headersSent || response.statusCode === 101 ? response.statusCode : 499,
      milliseconds: performance.now() - started,
    });
  });
}

export function openPlane(base: PlaneBase): Plane {
  const { routes, access, policies } = base;
  const pools = openPools(base.openPool);
  const tunnels = openTunnels();
  const sequence = openSequence({ access, policies, checkPath: routes.checkPath });
  const forward = openForwarder({
    pools,
    tunnels,
    breakers: openBreakers(),
    trustsProxy: base.trustsProxy,
    certificateHeader: base.certificateHeader.toLowerCase(),
    log: base.log,
  });
  const prepare = openPreparer(routes, policies);

  function finish(call: LocatedCall, outcome: Outcome): Soon<void> {
    const cors = policies.corsHeaders(call);
    if (call.caller) call.facts.clientId = call.caller.clientId;
    if (outcome && 'problem' in outcome) return sendProblem(call, outcome.problem, cors);
    if (outcome) return sendAnswer(call, outcome.answer, cors);
    const ready = call as Call; // the sequence has answered calls without an operation
    return soon(access.callerHeader(ready), (caller) => forward(ready, { cors, caller }));
  }

  function run(start: Start, place: Place, made: Prepared): Soon<void> {
    const call = callOf(start, place, made);
    count(call, base.usage);
    return soon(sequence.run(call), (outcome) => finish(call, outcome));
  }

  const begin: Plane['handle'] = (request, response, tenant, facts) => {
    const exchanged = { request, response, facts };
    const target = readTarget(request.url ?? '');
    if (!target) return sendProblem(exchanged, BAD_TARGET);
    if (!isFramedPlainly(request)) {
      response.shouldKeepAlive = false;
      return sendProblem(exchanged, BAD_FRAMING);
    }
    return soon(base.bySuffix(tenant, target.suffix), (api) => {
      const place = api && placeOf(api, target, request.headers);
      if (!place) return sendProblem(exchanged, NOT_FOUND);
      return soon(prepare(place.revision), (made) =>
        run({ request, response, facts, tenant, api }, place, made),
      );
    });
  };

  return {
    handle(request, response, tenant, facts) {
      if (!hasBody(request)) return begin(request, response, tenant, facts);
      // What came with the head is read first: a bad chunk in it is refused before anything is sent on, and a short body is whole.
      return new Promise<void>(whenRead).then(() =>
        request.destroyed && !request.complete ? undefined : begin(request, response, tenant, facts),
      );
    },
    endTunnels: () => tunnels.end(),
    close: () => {
      tunnels.end();
      return pools.close();
    },
  };
}
