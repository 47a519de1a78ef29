import { hash } from 'node:crypto';
import { every, type Repeated } from '../../jobs/index.js';
import { networkOf } from '../../kernel/addresses.js';
import { steadyNow } from '../../kernel/clock.js';
import { soon, type Soon } from '../../kernel/soon.js';
import { CountWindow, rateHeaders, type CountName, type RateState } from '../../limits/index.js';
import type { Log } from '../../observe/index.js';
import type { Store } from '../../store/index.js';
import type { Problem } from '../plane/problem.js';
import type { CountBy, LiveProduct, Quota, RateLimit } from '../types.js';
import type { AccessCall } from './types.js';
import { CurrentPeriods } from './zoned-periods.js';

export interface CallLimitsBase {
  store: Store;
  log: Log;
  /** Whether rate limits are shared between nodes; quotas always are. */
  shared: boolean;
  /** Epoch milliseconds, for the periods of quotas. */
  now?: () => number;
}

/** One limit of a call, and whose calls it counts together. */
interface Rule<L> {
  limit: L;
  /** What is limited: a product, or a version's policy. */
  what: string;
  by: CountBy;
}

const SHARE_SECONDS = 1;
/** Counts below this part of a rate limit are not told to other nodes. */
const WORTH_SHARING = 1 / 20;
/** Sums that were learned longer ago are read again before a call is counted: other nodes may have counted meanwhile. */
const STALE_MS = 2000;
/** How long a window is kept after its end, so that its last calls are told to the store. */
const KEPT_MS = 10_000;
/** Names that the store takes as they are, so that what it answers has the same one. */
const PLAIN_NAME = /^[\x20-\x7e]{1,200}$/;

const WORDS: Record<CountBy, string> = {
  client: 'client',
  user: 'user',
  key: 'product key',
  address: 'address',
  api: 'API',
};

/** Who a call counts for; where there is no such thing, the next best: the client, then the address. */
function countedFor({ caller, key, facts }: AccessCall, by: CountBy): string {
  if (by === 'api') return 'api';
  if (by === 'key' && key) return `key ${key.id}`;
  if (by === 'user' && caller?.userKey !== undefined) return `user ${caller.userKey}`;
  if (by !== 'address' && caller) return `client ${caller.clientId}`;
  return `address ${networkOf(facts.address)}`;
}

/** The product whose limits hold: that of the key, else one that is open to calls without a key. */
const productOf = ({ key, version }: AccessCall): LiveProduct | undefined =>
  key?.product ?? version.products.find(({ subscriptionRequired }) => !subscriptionRequired);

interface LimitsOf {
  rateLimit?: RateLimit;
  quota?: Quota;
}

function rulesOf<N extends keyof LimitsOf>(call: AccessCall, name: N): Rule<NonNullable<LimitsOf[N]>>[] {
  const { policy, version } = call;
  const rules: Rule<NonNullable<LimitsOf[N]>>[] = [];
  const product = productOf(call);
  const ofProduct = (product as LimitsOf | undefined)?.[name];
  if (product && ofProduct)
    rules.push({
      limit: ofProduct,
      what: `product ${product.id}`,
      by: call.key ? 'key' : (ofProduct.by ?? 'client'),
    });
  const ofPolicy = (policy.steps as LimitsOf)[name];
  if (ofPolicy)
    rules.push({
      limit: ofPolicy,
      what: `version ${version.apiId} ${policy.countedAs[name]}`,
      by: ofPolicy.by ?? 'client',
    });
  return rules;
}

/**
 * How often an API may be called. Rate limits count in windows of their length, in memory; where there are several nodes, each
 * tells the store once a second what it has let through, and a limit may be passed by what one second lets in. Quotas count in
 * periods of the calendar and are written once a second on every store: of the calls that were counted, a process that is killed
 * loses those of its last second.
 */
export class CallLimits {
  readonly #rates = new Map<number, CountWindow>();
  readonly #quotas = new Map<string, CountWindow>();
  readonly #periods = new CurrentPeriods();
  readonly #now: () => number;
  readonly #repeated: Repeated;

  constructor(readonly base: CallLimitsBase) {
    this.#now = base.now ?? Date.now;
    this.#repeated = every(SHARE_SECONDS, 'limits of the gateway', base.log, () => this.share());
  }

  /** Counts a call, and notes the nearest limit in it; answers the problem where it is one too many. */
  check(call: AccessCall): Soon<Problem | undefined> {
    for (const rule of rulesOf(call, 'rateLimit')) {
      const problem = this.#countRate(call, rule);
      if (problem) return problem;
    }
    return this.#countQuotas(call, rulesOf(call, 'quota'));
  }

  #countRate(call: AccessCall, { limit, what, by }: Rule<RateLimit>): Problem | undefined {
    const time = steadyNow();
    const lengthMs = limit.seconds * 1000;
    let window = this.#rates.get(limit.seconds);
    if (!window || time >= window.end) {
      const start = Math.floor(time / lengthMs) * lengthMs;
      this.#rates.set(limit.seconds, (window = new CountWindow(start, start + lengthMs)));
    }
    const name = nameOf(call, `gateway rate ${limit.seconds}`, what, by);
    const left = window.take(name, limit.calls);
    const counted = { call, by, quota: limit.calls, window, time };
    return left === undefined ? tooMany('rate-limit', `${limit.seconds} s`, counted) : note(counted, left);
  }

  #countQuotas(call: AccessCall, rules: readonly Rule<Quota>[]): Soon<Problem | undefined> {
    const [rule, ...others] = rules;
    if (!rule) return undefined;
    return soon(this.#countQuota(call, rule), (problem) => problem ?? this.#countQuotas(call, others));
  }

  #countQuota(call: AccessCall, { limit, what, by }: Rule<Quota>): Soon<Problem | undefined> {
    const { calls, period, timeZone = 'UTC' } = limit;
    const time = this.#now();
    const window = this.#quotaWindow(time, period, timeZone);
    const name = nameOf(call, `gateway quota ${period}`, what, by);
    const take = (): Problem | undefined => {
      const left = window.take(name, calls);
      const counted = { call, by, quota: calls, window, time };
      return left === undefined ? tooMany('quota', `one ${period}`, counted) : note(counted, left);
    };
    const steady = steadyNow();
    if (steady - window.learnedAt(name, calls) <= STALE_MS) return take();
    return window.learn(this.base.store, name, calls, steady).then(take);
  }

  #quotaWindow(time: number, period: Quota['period'], timeZone: string): CountWindow {
    const { start, end } = this.#periods.at(time, period, timeZone);
    // Two zones may begin a period at the same time and end it at another.
    const key = `${start} ${end}`;
    let window = this.#quotas.get(key);
    if (!window) this.#quotas.set(key, (window = new CountWindow(start, end)));
    return window;
  }

  /** Tells the store what was counted here, and learns what other nodes have counted. */
  async share(): Promise<void> {
    const steady = steadyNow();
    this.#forget(steady);
    const { store, shared } = this.base;
    for (const window of this.#quotas.values()) await window.share(store, 0, steady);
    if (shared) for (const window of this.#rates.values()) await window.share(store, WORTH_SHARING, steady);
  }

  /** Removes windows that have ended, before the store is asked: it may not answer. */
  #forget(steady: number): void {
    for (const [key, { end }] of this.#quotas) if (end < this.#now() - KEPT_MS) this.#quotas.delete(key);
    for (const [seconds, { end }] of this.#rates) if (end <= steady) this.#rates.delete(seconds);
  }

  /** Tells the store the last counts. Without an answer they are lost, and the process stops all the same. */
  async close(): Promise<void> {
    await this.#repeated.close();
    await this.share().catch((err: unknown) =>
      this.base.log.error({ err }, 'the last counts of limits are lost'),
    );
  }
}

function nameOf(call: AccessCall, limit: string, what: string, by: CountBy): CountName {
  const tenantId = call.tenant.id;
  const name = `${what}:${countedFor(call, by)}`;
  return {
    prefix: `${limit}:${tenantId}`,
    // A client of another authorization server may have an id of any length and characters.
    name: PLAIN_NAME.test(name) ? name : hash('sha256', name, 'base64url'),
    tenantId,
  };
}

/** A limit that a call was counted for, or was one too many for. */
interface Counted {
  call: AccessCall;
  by: CountBy;
  quota: number;
  window: CountWindow;
  /** In milliseconds of the window's clock. */
  time: number;
}

/** What the headers say of a limit but how many calls are left. */
const stateOf = ({ by, quota, window, time }: Counted): Omit<RateState, 'left'> => ({
  dimension: by,
  quota,
  window: Math.round((window.end - window.start) / 1000),
  reset: Math.max(1, Math.ceil((window.end - time) / 1000)),
});

/** Keeps what the answer says of limits: the one with the fewest calls left. */
function note(counted: Counted, left: number): undefined {
  const { call } = counted;
  if (call.limit === undefined || left < call.limit.left) call.limit = { ...stateOf(counted), left };
}

function tooMany(word: 'rate-limit' | 'quota', span: string, counted: Counted): Problem {
  const { call, by, quota } = counted;
  const { reset: retryAfter, ...state } = stateOf(counted);
  call.limit = undefined; // the problem says it itself
  return {
    word,
    detail: `This ${WORDS[by]} may make ${quota} calls in ${span}. Call again in ${retryAfter} s.`,
    headers: rateHeaders({ ...state, retryAfter }),
  };
}
