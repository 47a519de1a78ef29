import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasBody } from '../../kernel/request.js';
import type { Soon } from '../../kernel/soon.js';
import { without } from '../plane/query.js';
import { endToEndHeaders, passesToken } from '../plane/request-headers.js';
import { isWebSocket } from '../plane/tunnel.js';
import type { Answer, CacheTurn, Call, LocatedCall, PolicyRunner } from '../plane/steps.js';
import { hasCache, isSafe } from './cache/changes.js';
import { openCache, type CacheOptions } from './cache/index.js';
import { compilePolicy, type OperationPolicy } from './compile.js';
import { corsHeaders, isPreflight, preflight } from './cors.js';
import { ipFilter } from './ip-filter.js';
import { openMocks } from './mock/index.js';
import { openReaders } from './openapi/readers.js';
import { openRequestValidation } from './validation/index.js';

export interface PoliciesBase {
  /** Asks a caller that waits for it to send its body (100 Continue). */
  askForBody(request: IncomingMessage, response: ServerResponse): void;
  cache?: CacheOptions;
}

/** The plane knows only a part of what `compile` makes, and hands it back. */
const policyOf = ({ policy }: Pick<LocatedCall, 'policy'>): OperationPolicy => policy;

/** Opens the steps of policies: one for the process, with its cache. */
export function openPolicies({ askForBody, cache: cacheOptions }: PoliciesBase): PolicyRunner {
  const readerOf = openReaders();
  const validation = openRequestValidation(readerOf);
  const mocks = openMocks(readerOf);
  const cache = openCache(cacheOptions);

  async function validate(call: Call): Promise<Awaited<ReturnType<PolicyRunner['validate']>>> {
    const { request, response, query, operation, revision } = call;
    const { validateRequest: step, timeout } = policyOf(call).steps;
    if (!step) return undefined;
    const result = await validation.validate(step, {
      ...{ request, query, operation, revision },
      idleMs: timeout.idleSeconds * 1000,
      askForBody: () => askForBody(request, response),
    });
    if ('problem' in result) return result.problem;
    call.body = result.body;
    return undefined;
  }

  return {
    compile: compilePolicy,
    address: (call) => ipFilter(policyOf(call).ipFilter, call.facts.address),
    preflight: preflightAnswer,
    corsHeaders(call) {
      const { cors } = policyOf(call);
      const { method, request } = call;
      // The answer to a preflight request has all of its headers already.
      if (!cors || isPreflight(method, request.headers)) return undefined;
      return corsHeaders(cors, request.headers.origin);
    },
    validate: (call) => (policyOf(call).steps.validateRequest ? validate(call) : undefined),
    mock(call): Soon<Answer | undefined> {
      const { mock } = policyOf(call).steps;
      const { operation, revision, request } = call;
      return mock && mocks.answer(mock.status, { operation, revision, accept: request.headers.accept });
    },
    cache(call): CacheTurn | undefined {
      const { method, revision, request, path } = call;
      const query = without(call.query, 'subscription-key');
      const target = query === undefined ? path : `${path}?${query}`;
      // With a token a backend may answer otherwise.
      const address = { scope: revision, uri: `${passesToken(call) ? 'token ' : ''}${target}` };
      if (!isSafe(method)) return hasCache(revision.policy) ? cache.changing(address) : undefined;
      const step = policyOf(call).steps.cache;
      if (!step || isWebSocket(request)) return undefined;
      return cache.lookup(step, {
        ...address,
        method,
        headers: endToEndHeaders(request),
        hasBody: hasBody(request),
        caller: callerName(call),
      });
    },
  };
}

/**
 * A preflight request is answered by the policy of the operation that it asks about, else by the API's. Undefined where there
 * is no CORS, or the path is not in the document.
 */
function preflightAnswer(call: LocatedCall): Answer | undefined {
  const { request, router, path, policies } = call;
  if (!isPreflight(request.method, request.headers)) return undefined;
  const asked = router.match(request.headers['access-control-request-method'] ?? '', path);
  const operation = asked && 'operation' in asked ? asked.operation : undefined;
  const policy = operation ? policies.of(operation) : policies.base;
  const { cors } = policyOf({ policy });
  const onPath = router.match('', path);
  if (!cors || !onPath) return undefined;
  const methods = 'allow' in onPath ? onPath.allow : [];
  return { status: 204, headers: Object.entries(preflight(cors, request.headers, methods)).flat() };
}

/** Headers by which backends may know who calls, such as `X-Api-Key` or `X-Session-Token`. */
const CREDENTIAL =
  /^(?!user-agent$).*(?:auth|key|token|secret|session|cookie|credential|signature|user|tenant|account|identity|jwt)/;

/**
 * Who calls, for answers that serve one caller: what was presented with the request, or the address where that is nothing. A
 * hash, because the cache must not hold tokens.
 */
function callerName({ request, key, facts }: Call): string {
  const presented = Object.entries(request.headers).filter(([name]) => CREDENTIAL.test(name));
  if (key) presented.push(['', key.id]);
  const who = presented.length === 0 ? facts.address : presented;
  return createHash('sha256').update(JSON.stringify(who)).digest('base64url');
}
