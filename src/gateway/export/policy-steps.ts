import type { CompiledOperation, LiveRevision, PolicySteps } from '../types.js';

/** The steps of an operation: its own replace the revision's, key by key. */
export function stepsOf({ policy }: LiveRevision, { key, operationId }: CompiledOperation): PolicySteps {
  const { operations, ...steps } = policy ?? {};
  const byId = operationId === undefined ? undefined : operations?.[operationId];
  return { ...steps, ...byId, ...operations?.[key] };
}
