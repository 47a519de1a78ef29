import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestFacts } from '../../kernel/request.js';
import type { RateState } from '../../limits/index.js';
import type { Tenant } from '../../tenants/index.js';
import type {
  Caller,
  CompiledOperation,
  LiveApi,
  LiveRevision,
  LiveVersion,
  PolicySteps,
  PresentedKey,
} from '../types.js';

/** A call of an operation, as the checks of access look at it (plane/steps.ts has the whole of it). */
export interface AccessCall {
  readonly request: IncomingMessage;
  readonly response: Pick<ServerResponse, 'setHeader'>;
  readonly facts: RequestFacts;
  readonly tenant: Tenant;
  readonly api: LiveApi;
  readonly version: LiveVersion;
  readonly revision: LiveRevision;
  readonly operation: CompiledOperation;
  /** As it was sent, without `?`. */
  readonly query: string | undefined;
  readonly policy: AccessPolicy;
  /** Set by the step `token`. */
  caller: Caller | undefined;
  /** Set by the step `productKey`. */
  key: PresentedKey | undefined;
  /** Set by the step `limits`: of the limits that have counted the call, the one with the fewest calls left. */
  limit: RateState | undefined;
}

/** What of an operation's policy is about access (policies/compile.ts). */
export interface AccessPolicy {
  readonly steps: Pick<PolicySteps, 'requireScopes' | 'rateLimit' | 'quota'>;
  /** Under which name each limit counts: '' for all operations together, an operation's key for its own limit. */
  readonly countedAs: { readonly rateLimit: string; readonly quota: string };
}
