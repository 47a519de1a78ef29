import type { Call } from './steps.js';
import { withValue, without } from './query.js';

/** Query parameters that callers send to the gateway, not to the backend. */
const OWN_QUERY = 'subscription-key';

/** A path template with what the names of the operation's path stand for. */
const filled = (
  parts: readonly (string | { name: string })[],
  parameters: Readonly<Record<string, string>>,
): string =>
  parts
    .map((part) => (typeof part === 'string' ? part : encodeURIComponent(parameters[part.name] ?? '')))
    .join('');

/**
 * The target of the request to the backend. Without `rewrite`, the path and the query are as they were sent, but for the product
 * key.
 * @param base the path of the backend's own address, without a slash at its end.
 */
export function backendTarget({ path, query, parameters, policy: { rewrite } }: Call, base: string): string {
  let left = without(query, OWN_QUERY);
  if (!rewrite) return left === undefined ? base + path : `${base}${path}?${left}`;
  for (const { name, value } of rewrite.query)
    left = value === null ? without(left, name) : withValue(left, name, value);
  const target = `${base}${rewrite.prefix}${rewrite.path ? filled(rewrite.path, parameters) : path}`;
  return left === undefined ? target : `${target}?${left}`;
}
