import type { Call, LocatedCall } from './steps.js';
import { withValue, without } from './query.js';

/** Query parameters that callers send to the gateway, not to the backend. */
const OWN_QUERY = 'subscription-key';

const NAME = /\{([^{}/]+)\}/g;

/** A path template with what the names of the operation's path stand for. */
const filled = (template: string, parameters: Readonly<Record<string, string>>): string =>
  template.replace(NAME, (_, name: string) => encodeURIComponent(parameters[name] ?? ''));

/** The path behind the backend's own, without the prefix of `rewrite`: as it was sent, where `rewrite` gives no other. */
export const pathBehind = ({ path, parameters, policy }: LocatedCall): string => {
  const template = policy.steps.rewrite?.path;
  return template === undefined ? path : filled(template, parameters);
};

/**
 * The target of the request to the backend. Without `rewrite`, the path and the query are as they were sent, but for the product
 * key.
 * @param base the path of the backend's own address, without a slash at its end.
 */
export function backendTarget(call: Call, base: string): string {
  const { path, query, policy } = call;
  const { rewrite } = policy.steps;
  let left = without(query, OWN_QUERY);
  if (!rewrite) return left === undefined ? base + path : `${base}${path}?${left}`;
  for (const [name, value] of Object.entries(rewrite.query ?? {}))
    left = value === null ? without(left, name) : withValue(left, name, value);
  const target = `${base}${rewrite.prefix ?? ''}${pathBehind(call)}`;
  return left === undefined ? target : `${target}?${left}`;
}
