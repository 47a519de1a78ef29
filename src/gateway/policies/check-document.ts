import type { FieldProblem } from '../../api/failure.js';
import type { CompiledDocument, CompiledOperation, Policy, PolicySteps } from '../types.js';
import { below } from './fields.js';

/** Steps that work by the document, and what of an operation says that it is of no use to them. */
const BY_DOCUMENT = [
  ['validateRequest', 'uncheckable', 'requests of it cannot be checked'],
  ['mock', 'unmockable', 'its answers have no example'],
] as const;

/**
 * Operations whose part of the document is of no use to a step of the policy. Calls of them would be refused, so the policy is.
 * `path` leads to the operation in the document.
 */
export function documentProblems(policy: Policy, { operations }: CompiledDocument): FieldProblem[] {
  return operations.flatMap((operation) =>
    BY_DOCUMENT.flatMap(([step, fault, words]) => {
      const reason = operation[fault];
      const field = reason === undefined ? undefined : fieldOf(policy, step, operation);
      if (field === undefined) return [];
      const path = below(below('/paths', operation.path), operation.method.toLowerCase());
      const message = `does not work for ${operation.key}: ${words}, because ${reason}. Correct the document there, or set the step only for other operations`;
      return [{ field, rule: 'document', message, path }];
    }),
  );
}

/** The field by which an operation has a step: its own, else that of the whole policy. */
function fieldOf(
  policy: Policy,
  step: keyof PolicySteps,
  { key, operationId = key }: CompiledOperation,
): string | undefined {
  const named = [key, operationId].find((name) => policy.operations?.[name] !== undefined);
  if (named !== undefined && policy.operations?.[named]?.[step] !== undefined)
    return below(below('policy/operations', named), step);
  return policy[step] === undefined ? undefined : `policy/${step}`;
}
