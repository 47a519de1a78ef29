import { soon, type Soon } from '../../kernel/soon.js';
import { rateFields } from '../../limits/index.js';
import type { AuthorizeCall, Decision } from '../export/authorize.js';
import { problemDocument } from './answers.js';
import type { Decide, Decided } from './decide.js';
import type { IncomingCall, Locate } from './locate.js';
import type { Pools } from './pools.js';
import { PROBLEMS, type Problem } from './problem.js';
import { requestHeaders, type Outgoing } from './request-headers.js';
import type { CorsHeaders } from './response-headers.js';
import { backendTarget } from './rewrite.js';
import type { HandedOver } from './sequence.js';
import type { Call, LocatedCall, UsageEntry } from './steps.js';
import { usageOf } from './usage-entry.js';

export interface AuthorizerBase {
  locate: Locate;
  decide: Decide;
  pools: Pools;
  outgoing: Pick<Outgoing, 'trustsProxy' | 'certificateHeader'>;
  usage(entry: UsageEntry): void;
}

/** A call that a proxy in front asks about. Its response is the answer to the question. */
export type AskedCall = IncomingCall & AuthorizeCall;

export type Authorizer = (asked: AskedCall) => Soon<Decision>;

const HAND_OVER: Decision = { kind: 'handOver' };

/** A call, with what is known of it where its API was found. */
type Asked = IncomingCall & Partial<Pick<LocatedCall, 'limit'>>;

/** What the caller gets in addition: what is set on the answer already, and what the gateway says with each answer. */
function answered({ response, facts, limit }: Asked, cors: CorsHeaders): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.getHeaders())) all[name] = String(value);
  return { ...all, ...cors, ...(limit && rateFields(limit)), 'X-Request-Id': facts.requestId };
}

function refusal(incoming: Asked, problem: Problem, cors?: CorsHeaders): Decision {
  incoming.facts.outcome = problem.word;
  return {
    kind: 'refuse',
    status: PROBLEMS[problem.word],
    document: problemDocument(incoming.facts, problem),
    answered: { ...answered(incoming, cors), ...problem.headers },
  };
}

/**
 * Decides calls for proxies in front by the steps of the data plane. A call that the proxy cannot carry as the data plane would
 * is handed over as soon as its operation is known: the data plane runs its steps again, so nothing of it may be counted, and no
 * proof of a token's key be used up.
 */
export function openAuthorizer({ locate, decide, pools, outgoing, usage }: AuthorizerBase): Authorizer {
  /** An address that may no longer be connected to can still be in the configuration of a proxy. */
  function isWithinReach({ tenant, revision }: Call): boolean {
    try {
      pools.backendOf(tenant, revision).pool();
      return true;
    } catch {
      return false;
    }
  }

  function forwarded(call: Call, { caller, cors }: { caller: string | undefined; cors: CorsHeaders }) {
    usage(usageOf(call, { status: undefined, milliseconds: undefined }));
    return {
      kind: 'forward' as const,
      revision: call.revision,
      target: backendTarget(call, pools.backendOf(call.tenant, call.revision).base),
      headers: requestHeaders(call, { ...outgoing, caller, conditions: [], contentLength: undefined }),
      answered: answered(call, cors),
    };
  }

  function decisionOf(call: LocatedCall, decided: Decided | HandedOver, started: number): Decision {
    if ('isHandedOver' in decided || 'answer' in decided) return HAND_OVER;
    if ('call' in decided) return forwarded(decided.call, decided);
    const status = PROBLEMS[decided.problem.word];
    usage(usageOf(call, { status, milliseconds: performance.now() - started }));
    return refusal(call, decided.problem, decided.cors);
  }

  return ({ carries, ...incoming }) => {
    const started = performance.now();
    return soon(locate(incoming), (found) => {
      if ('problem' in found) return refusal(incoming, found.problem);
      const isCarried = (call: Call): boolean =>
        carries(call.revision, call.operation) && isWithinReach(call);
      return soon(decide(found, isCarried), (decided) => decisionOf(found, decided, started));
    });
  };
}
