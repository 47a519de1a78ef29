import { createHash } from 'node:crypto';
import type { CompiledOperation, LiveRevision, PolicySteps } from '../types.js';
import { hasCache, isSafe } from '../policies/cache/changes.js';
import { stepsOf } from './policy-steps.js';

/**
 * What a proxy in front is configured with for a revision, and what has to be the same when a call comes. A revision has a name by
 * it, so that a proxy with an older configuration never takes a call whose revision has changed since.
 */

/** Of a policy, what a proxy does by its configuration. */
type Configured = Pick<PolicySteps, 'setHeader' | 'cors'>;

/** Steps that only the data plane has. A call that has one of them is handed over to it. */
const OF_THE_PLANE = ['cache', 'circuitBreaker', 'mock', 'retry', 'timeout', 'validateRequest'] as const;

const entriesOf = (headers: Record<string, string | null> | undefined): [string, string | null][] =>
  Object.entries(headers ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));

/** What a proxy is configured with for a policy: the same text for the same configuration. */
export const configured = ({ setHeader, cors }: Configured): string =>
  JSON.stringify([entriesOf(setHeader?.request), entriesOf(setHeader?.response), cors !== undefined]);

const DIGITS = 32;

/** The name of a revision with its backend's origin and what the proxy does for it: lower-case hexadecimal digits. */
export const backendName = ({ id, serviceUrl, policy }: LiveRevision): string =>
  createHash('sha256')
    .update(JSON.stringify([id, serviceUrl.origin, configured(policy ?? {})]))
    .digest('hex')
    .slice(0, DIGITS);

/** Whether a proxy that has the revision can forward calls of the operation as the data plane would. */
export function isCarried(revision: LiveRevision, operation: CompiledOperation): boolean {
  const steps = stepsOf(revision, operation);
  return (
    OF_THE_PLANE.every((step) => steps[step] === undefined) &&
    configured(steps) === configured(revision.policy ?? {}) &&
    // What a cache holds of a path ends when another operation of the path changes it.
    (isSafe(operation.method) || !hasCache(revision.policy))
  );
}
