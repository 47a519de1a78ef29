import { networkOf } from '../../kernel/addresses.js';
import { soon, type Soon } from '../../kernel/soon.js';
import type { Call } from '../plane/index.js';
import type { Problem } from '../plane/problem.js';
import type { CountBy, Quota, RateLimit, StepResult } from '../types.js';
import type { Counter, Counters } from './counters.js';
import { periodAt } from './zoned-periods.js';

/** One limit of a call: whose calls it counts, and how many there may be. */
interface Limit {
  word: 'rate-limit' | 'quota';
  name: string;
  limit: RateLimit | Quota;
}

type LimitedCall = Pick<Call, 'tenant' | 'facts' | 'api' | 'version' | 'policy' | 'caller' | 'key'>;

/** Whose calls are counted together. Where a call has no user or key, it is its client's; without a token, its address's. */
function whose({ caller, key, facts }: LimitedCall, by: CountBy): string {
  if (by === 'api') return 'api';
  if (by === 'key' && key) return `key ${key.id}`;
  if (by === 'user' && caller?.userKey !== undefined) return `user ${caller.userKey}`;
  if (by !== 'address' && caller) return `client ${caller.clientId}`;
  return `address ${networkOf(facts.address)}`;
}

/** The limits of a call: those of the product count by key pair, those of the policy as it says. */
function limitsOf(call: LimitedCall): Limit[] {
  const { key, policy, version } = call;
  const limits: Limit[] = [];
  const add = (word: Limit['word'], name: string, limit: RateLimit | Quota | undefined): void => {
    if (limit) limits.push({ word, name: `${word} ${name}`, limit });
  };
  const { rateLimit, quota } = policy.steps;
  const counted = (at: string, by: CountBy = 'client'): string => `${version.apiId} ${at} ${whose(call, by)}`;
  add('rate-limit', `key ${key?.id}`, key?.product.rateLimit);
  add('rate-limit', counted(policy.countedAs.rateLimit, rateLimit?.by), rateLimit);
  add('quota', `key ${key?.id}`, key?.product.quota);
  add('quota', counted(policy.countedAs.quota, quota?.by), quota);
  return limits;
}

const isQuota = (limit: RateLimit | Quota): limit is Quota => 'period' in limit;

const PERIODS: Record<Quota['period'], string> = {
  hour: 'an hour',
  day: 'a day',
  week: 'a week',
  month: 'a month',
};

/** RateLimit header fields (draft-ietf-httpapi-ratelimit-headers) and Retry-After (RFC 9110, 10.2.3). */
function refusalOf({ word, limit }: Limit, { ends }: Counter, time: number): Problem {
  const seconds = Math.max(1, Math.ceil((ends - time) / 1000));
  const window = isQuota(limit) ? PERIODS[limit.period] : `${limit.seconds} seconds`;
  return {
    word,
    detail: `Only ${limit.calls} calls in ${window} are allowed. Try again in ${seconds} seconds.`,
    headers: {
      'Retry-After': String(seconds),
      RateLimit: `"${word}";r=0;t=${seconds}`,
      'RateLimit-Policy': `"${word}";q=${limit.calls}${isQuota(limit) ? '' : `;w=${limit.seconds}`}`,
    },
  };
}

/**
 * Step 9: rate limits and quotas. A call counts once for each of its limits, and for none where one of them refuses it. When the
 * store is away, a counter that was read before goes on by what this node knows; another one fails the call.
 * @param now epoch milliseconds.
 */
export function limitStep(counters: Counters, now: () => number): (call: LimitedCall) => Soon<StepResult> {
  const counterOf = ({ id: tenantId }: { id: string }, { name, limit }: Limit): Soon<Counter> =>
    counters.counter({
      tenantId,
      name,
      window: isQuota(limit) ? periodAt(now(), limit) : limit.seconds * 1000,
    });

  function decide(limits: readonly Limit[], found: readonly Counter[]): StepResult {
    const time = now();
    for (const [at, limit] of limits.entries()) {
      const counter = found[at] as Counter;
      if (counter.here + counter.everywhere >= limit.limit.calls) return refusalOf(limit, counter, time);
    }
    for (const counter of found) counter.here += 1;
    return undefined;
  }

  return (call) => {
    const { rateLimit, quota } = call.policy.steps;
    const product = call.key?.product;
    if (!rateLimit && !quota && !product?.rateLimit && !product?.quota) return undefined;
    const limits = limitsOf(call);
    const found = limits.map((limit) => counterOf(call.tenant, limit));
    if (!found.some((each) => each instanceof Promise)) return decide(limits, found as Counter[]);
    return soon(Promise.all(found), (loaded) => decide(limits, loaded));
  };
}
