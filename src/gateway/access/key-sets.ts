import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { LRUCache } from 'lru-cache';
import { parse } from '../../kernel/json.js';
import type { Log } from '../../observe/index.js';
import type { Tenant } from '../../tenants/index.js';

/**
 * Downloads a key set within the tenant's reach, with bounds on its bytes and time.
 * @throws Error
 */
export type FetchKeys = (tenant: Tenant, address: string) => Promise<Buffer>;

/** A set is read again when it is older than this; meanwhile its keys are used. A withdrawn key ends by then. */
const FRESH_MS = 300_000;
/** How long keys are used whose address does not answer. */
const WITHOUT_ANSWER_MS = 3_600_000;
/** A set is not read more often than this, whatever keys tokens name. */
const AGAIN_MS = 30_000;
const MOST_SETS = 500;
const MOST_KEYS = 100;

/** The keys of one authorization server. */
class KeySet {
  #keys: JWTVerifyGetKey | undefined;
  #readAt = -Infinity;
  #askedAt = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(
    readonly fetch: () => Promise<Buffer>,
    readonly log: Log,
    readonly now: () => number,
  ) {}

  /** The keys; only the first call, and one after an hour without an answer, waits for them. */
  async keys(): Promise<JWTVerifyGetKey | undefined> {
    const age = this.now() - this.#readAt;
    if (age > FRESH_MS) {
      const reading = this.#readAgain();
      if (age > WITHOUT_ANSWER_MS) await reading;
    }
    return this.now() - this.#readAt <= WITHOUT_ANSWER_MS ? this.#keys : undefined;
  }

  /** Reads the set again because a token names a key that is not in it. */
  async again(): Promise<JWTVerifyGetKey | undefined> {
    await this.#readAgain();
    return this.#keys;
  }

  #readAgain(): Promise<void> {
    if (this.#reading) return this.#reading;
    if (this.now() - this.#askedAt < AGAIN_MS) return Promise.resolve();
    this.#askedAt = this.now();
    this.#reading = this.#read()
      .catch((err: unknown) => this.log.warn({ err }, 'the keys of an authorization server cannot be read'))
      .finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<void> {
    // createLocalJWKSet checks the form of what it is given.
    const set = parse<JSONWebKeySet>((await this.fetch()).toString());
    const keys = createLocalJWKSet(set);
    if (set.keys.length > MOST_KEYS) throw new Error(`the set has more than ${MOST_KEYS} keys`);
    this.#keys = keys;
    this.#readAt = this.now();
  }
}

/** The key sets of other authorization servers, by tenant and address. */
export class KeySets {
  readonly #sets = new LRUCache<string, KeySet>({ max: MOST_SETS });

  constructor(
    readonly fetch: FetchKeys,
    readonly log: Log,
    readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Runs a check with the keys of an address, and once more where they have changed and no key has fitted before.
   * @throws JWKSNoMatchingKey, and what the check throws
   */
  async use<T>(tenant: Tenant, address: string, check: (keys: JWTVerifyGetKey) => Promise<T>): Promise<T> {
    const set = this.#setOf(tenant, address);
    const keys = await set.keys();
    if (!keys) throw new errors.JWKSNoMatchingKey();
    try {
      return await check(keys);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const newer = await set.again();
      if (!newer || newer === keys) throw error;
      return check(newer);
    }
  }

  #setOf(tenant: Tenant, address: string): KeySet {
    const place = `${tenant.id} ${address}`;
    let set = this.#sets.get(place);
    if (!set)
      this.#sets.set(place, (set = new KeySet(() => this.fetch(tenant, address), this.log, this.now)));
    return set;
  }
}
