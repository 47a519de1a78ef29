import type { IncomingMessage } from 'node:http';
import type { TenantRuntime } from '../../oidc/index.js';
import type { Problem } from '../plane/problem.js';
import type { Caller, CompiledOperation, LiveApi, LiveRevision, LiveVersion, PolicySteps } from '../types.js';

/** A call of an operation, as the checks of access look at it. */
export interface AccessCall {
  request: IncomingMessage;
  /** The tenant that the API belongs to. */
  runtime: TenantRuntime;
  api: LiveApi;
  version: LiveVersion;
  revision: LiveRevision;
  operation: CompiledOperation;
  /** What the policy asks of this operation besides. */
  requireScopes?: PolicySteps['requireScopes'];
}

/** A token that is good for the API. What it opens is not decided yet. */
export interface CheckedToken {
  caller: Caller;
  /** For the answer to the caller: the next DPoP nonce (RFC 9449, 8.2). */
  responseHeaders?: Record<string, string>;
}

export const isProblem = (answer: object | undefined): answer is Problem =>
  answer !== undefined && 'word' in answer;
