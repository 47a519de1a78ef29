import type { Problem } from '../plane/problem.js';
import type { Caller } from '../types.js';
import { missingScope } from './challenges.js';
import type { AccessCall } from './types.js';

/**
 * The words of these that are not held. A word `x` of an API is met by `x`, by `<resource>.x`, and by `<resource>.all`.
 * @param resource the name of the API resource.
 */
export function lacking(
  held: ReadonlySet<string>,
  resource: string,
  words: readonly string[],
): readonly string[] {
  if (words.length === 0 || held.has(`${resource}.all`)) return [];
  return words.filter((word) => !held.has(word) && !held.has(`${resource}.${word}`));
}

const NO_SCOPES: readonly string[] = [];

/** What is asked besides the operation's own scopes. A version's scope is not asked where no token is. */
function alwaysAsked({ version, operation, policy }: AccessCall): readonly string[] {
  const ofPolicy = policy.steps.requireScopes?.scopes ?? NO_SCOPES;
  const ofVersion = operation.open ? NO_SCOPES : version.scope;
  return ofPolicy.length === 0 ? ofVersion : [...ofVersion, ...ofPolicy];
}

/** The operation's alternative of which the fewest scopes are missing, the first of several. */
function nearestWay(
  { api, operation }: AccessCall,
  held: ReadonlySet<string>,
): { way: readonly string[]; missing: readonly string[] } {
  let [way, missing] = [NO_SCOPES, NO_SCOPES];
  if (operation.open) return { way, missing };
  let fewest = Infinity;
  for (const alternative of operation.scopes) {
    const lacks = lacking(held, api.name, alternative);
    if (lacks.length < fewest) [fewest, way, missing] = [lacks.length, alternative, lacks];
    if (fewest === 0) break;
  }
  return { way, missing };
}

/** Whether the caller has the scopes of one alternative, of the version and of the policy. */
export function checkScopes(call: AccessCall, { scopes: held }: Caller): Problem | undefined {
  const always = alwaysAsked(call);
  const { way, missing } = nearestWay(call, held);
  const lacks = [...lacking(held, call.api.name, always), ...missing];
  return lacks.length === 0 ? undefined : missingScope([...new Set([...way, ...always])], lacks);
}
