import type { CompiledOperation, Policy, PolicySteps, Quota, RateLimit } from '../types.js';
import { compileCors, type Cors } from './cors.js';
import { compileIpFilter, type IpFilter } from './ip-filter.js';

type Step<S extends keyof PolicySteps> = NonNullable<PolicySteps[S]>;

/** Steps with their defaults. */
export interface FilledSteps extends PolicySteps {
  rateLimit?: Required<RateLimit>;
  quota?: Required<Quota>;
  /** Always set: these limits hold without a policy as well. */
  timeout: Required<Step<'timeout'>>;
  retry?: Required<Step<'retry'>>;
  circuitBreaker?: Required<Step<'circuitBreaker'>>;
  cache?: Required<Step<'cache'>>;
  requireScopes?: Required<Step<'requireScopes'>>;
  validateRequest?: Required<Step<'validateRequest'>>;
}

/** What the gateway does with calls of one operation. */
export interface OperationPolicy {
  /** The policy's steps, replaced key by key by those of the operation. What is left out does not happen. */
  readonly steps: FilledSteps;
  readonly cors: Cors | undefined;
  readonly ipFilter: IpFilter | undefined;
  /** Under which name each limit counts: '' for all operations together, an operation's key for its own limit. */
  readonly countedAs: { readonly rateLimit: string; readonly quota: string };
}

/** A policy as it runs. */
export interface CompiledPolicy {
  /** For calls that reach no operation: their address is checked, and CORS headers are set, all the same. */
  readonly base: OperationPolicy;
  /** The steps of an operation. Operations that the policy does not name share one object. */
  of(operation: CompiledOperation): OperationPolicy;
}

const TIMEOUT = { seconds: 30, idleSeconds: 300 };
const DEFAULT_BYTES = 1_048_576;

/** How the defaults of each step are filled in. A step that has none is taken as it is. */
const FILL: { [S in keyof PolicySteps]?: (step: Step<S>) => FilledSteps[S] } = {
  rateLimit: (limit) => ({ by: 'client', ...limit }),
  quota: (quota) => ({ timeZone: 'UTC', by: 'client', ...quota }),
  timeout: (timeout) => ({ ...TIMEOUT, ...timeout }),
  retry: (retry) => ({ on: [502, 503, 504], backoffMs: 100, ...retry }),
  circuitBreaker: (breaker) => ({ failures: 5, openSeconds: 30, ...breaker }),
  cache: (cache) => ({ maxBytes: DEFAULT_BYTES, ...cache }),
  requireScopes: (step) => ({ permissions: [], ...step }),
  validateRequest: (step) => ({ body: true, query: true, headers: false, maxBytes: DEFAULT_BYTES, ...step }),
};

const NOTHING: OperationPolicy = Object.freeze({
  steps: Object.freeze({ timeout: Object.freeze(TIMEOUT) }),
  cors: undefined,
  ipFilter: undefined,
  countedAs: Object.freeze({ rateLimit: '', quota: '' }),
});

function fill(steps: PolicySteps): PolicySteps {
  const filled: PolicySteps = {};
  const add = <S extends keyof PolicySteps>(name: S, step: PolicySteps[S]): void => {
    if (step !== undefined) filled[name] = FILL[name]?.(step) ?? step;
  };
  for (const name of Object.keys(steps) as (keyof PolicySteps)[]) add(name, steps[name]);
  return filled;
}

/** The policy of an operation: its own steps in place of those `under` it. */
function compileSteps(own: PolicySteps, under: OperationPolicy, name: string): OperationPolicy {
  const { rateLimit, quota } = under.countedAs;
  return {
    steps: { ...under.steps, ...fill(own) } as FilledSteps,
    cors: own.cors ? compileCors(own.cors) : under.cors,
    ipFilter: own.ipFilter ? compileIpFilter(own.ipFilter) : under.ipFilter,
    countedAs: { rateLimit: own.rateLimit ? name : rateLimit, quota: own.quota ? name : quota },
  };
}

const WITHOUT: CompiledPolicy = { base: NOTHING, of: () => NOTHING };

/**
 * Makes of a stored policy what runs: once for each revision. An operation is found by its key, else by its `operationId`. Names
 * of operations that the document no longer has are never asked for: a policy can be older than the document.
 */
export function compilePolicy(policy: Policy | undefined): CompiledPolicy {
  if (!policy) return WITHOUT;
  const { operations, ...steps } = policy;
  const base = compileSteps(steps, NOTHING, '');
  if (!operations) return { base, of: () => base };
  const made = new Map<string, OperationPolicy>();
  return {
    base,
    of(operation) {
      let found = made.get(operation.key);
      if (!found) made.set(operation.key, (found = ofOperation(operations, operation, base)));
      return found;
    },
  };
}

function ofOperation(
  operations: NonNullable<Policy['operations']>,
  { key, operationId = key }: CompiledOperation,
  base: OperationPolicy,
): OperationPolicy {
  const name = [key, operationId].find((candidate) => Object.hasOwn(operations, candidate));
  const own = name === undefined ? undefined : operations[name];
  return own ? compileSteps(own, base, key) : base;
}
