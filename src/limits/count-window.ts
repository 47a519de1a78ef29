import { StoreUnavailable } from '../kernel/errors.js';
import type { Store } from '../store/index.js';

/** What is counted under one name. */
interface Count {
  /** Let through here, and not told to the store yet. Below zero where some of what was told was taken back. */
  here: number;
  /** Let through everywhere, as of the last look. */
  everywhere: number;
  /** When that was, in the milliseconds of the caller's clock. */
  learnedAt: number;
  tenantId: string;
  quota: number;
}

/** So many names are told apart in one window; what comes after shares counts, so that memory has an end. */
const MOST_COUNTS = 200_000;
const SHARED_BUCKETS = 4096;
const BATCH = 200;

function bucketOf(name: string): number {
  let hash = 0;
  for (let at = 0; at < name.length; at++) hash = (hash * 31 + name.charCodeAt(at)) | 0;
  return (hash >>> 0) % SHARED_BUCKETS;
}

/** Whose calls are counted together. */
export interface CountName {
  /** What is limited; it names the tenant. */
  prefix: string;
  name: string;
  tenantId: string;
}

interface CountRow {
  tenant_id: string;
  id: string;
  count: number;
  expires_at: number;
}

/** A count as it is being told to the store. */
interface Told {
  key: string;
  count: Count;
  here: number;
}

function learn({ count, here }: Told, everywhere: number, now: number): void {
  count.everywhere = everywhere;
  count.here -= here;
  count.learnedAt = now;
}

/**
 * Counts of one window of time. Counting is a look into a map; `share` adds what was counted here to the store, and learns what
 * all nodes have counted together.
 */
export class CountWindow {
  readonly #counts = new Map<string, Count>();
  #sharing: Promise<void> | undefined;

  /** @param start with `end` in epoch milliseconds. Windows of the same names begin at different times. */
  constructor(
    readonly start: number,
    readonly end: number,
  ) {}

  /** Counts one more, unless there are `quota` of them. @returns how many may follow; undefined where it was not counted. */
  take(of: CountName, quota: number): number | undefined {
    const count = this.#countOf(of, quota);
    const left = quota - count.here - count.everywhere;
    if (left <= 0) return undefined;
    count.here += 1;
    return left - 1;
  }

  /** Undoes what `take` has counted. */
  giveBack({ prefix, name }: CountName): void {
    const count = this.#counts.get(`${prefix}:${name}`);
    if (count && count.here > 0) count.here -= 1;
  }

  /** When what all nodes have counted was learned last; -Infinity where it never was. */
  learnedAt(of: CountName, quota: number): number {
    return this.#countOf(of, quota).learnedAt;
  }

  /** Learns what the store has of one name. */
  async learn(store: Store, of: CountName, quota: number, now: number): Promise<void> {
    const count = this.#countOf(of, quota);
    const row = await store
      .prepare('SELECT count FROM rate_counts WHERE tenant_id = ? AND id = ?')
      .first(of.tenantId, `${this.start}:${this.#keyOf(of)}`);
    count.everywhere = Math.max(count.everywhere, Number(row?.['count'] ?? 0));
    count.learnedAt = Math.max(count.learnedAt, now);
  }

  /**
   * Adds this node's counts to the store's, and learns the sums. What could not be written is told again the next time; what
   * the store refuses (its tenant is deleted) stays counted here only.
   * @param worth the part of its quota from which on a count is told.
   */
  share(store: Store, worth: number, now: number): Promise<void> {
    return (this.#sharing ??= this.#tell(store, worth, now).finally(() => (this.#sharing = undefined)));
  }

  async #tell(store: Store, worth: number, now: number): Promise<void> {
    const told = [...this.#counts]
      .filter(([, { here, everywhere, quota }]) => here > 0 && here + everywhere >= quota * worth)
      .map(([key, count]) => ({ key, count, here: count.here }))
      // In one order on all nodes, so that none waits for another that waits for it.
      .sort((one, other) => (one.key < other.key ? -1 : 1));
    for (let at = 0; at < told.length; at += BATCH)
      await this.#tellBatch(store, told.slice(at, at + BATCH), now);
  }

  /** One row that the store refuses must not keep the counts of all others from it, so such a batch is told in halves. */
  async #tellBatch(store: Store, batch: readonly Told[], now: number): Promise<void> {
    try {
      await this.#write(store, batch, now);
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      const middle = Math.ceil(batch.length / 2);
      const halves = batch.length > 1 ? [batch.slice(0, middle), batch.slice(middle)] : [];
      for (const half of halves) await this.#tellBatch(store, half, now);
      const [only] = batch;
      if (only && batch.length === 1) learn(only, only.count.everywhere + only.here, now);
    }
  }

  async #write(store: Store, batch: readonly Told[], now: number): Promise<void> {
    const rows = batch.map(({ key, here, count: { tenantId } }) => ({
      tenant_id: tenantId,
      id: `${this.start}:${key}`,
      count: here,
      expires_at: this.end,
    }));
    const answered = await store
      .knex<CountRow>('rate_counts')
      .insert(rows)
      .onConflict(['tenant_id', 'id'])
      .merge({ count: store.knex.raw('rate_counts.count + excluded.count') as unknown as number })
      .returning(['id', 'count']);
    const sums = new Map(answered.map(({ id, count }) => [id, Number(count)]));
    for (const told of batch)
      learn(told, sums.get(`${this.start}:${told.key}`) ?? told.count.everywhere + told.here, now);
  }

  #keyOf({ prefix, name }: CountName): string {
    const key = `${prefix}:${name}`;
    return this.#counts.has(key) || this.#counts.size < MOST_COUNTS ? key : `${prefix}:~${bucketOf(name)}`;
  }

  #countOf(of: CountName, quota: number): Count {
    const key = this.#keyOf(of);
    let count = this.#counts.get(key);
    if (!count) {
      count = { here: 0, everywhere: 0, learnedAt: -Infinity, tenantId: of.tenantId, quota };
      this.#counts.set(key, count);
    }
    count.quota = quota; // it may have been changed within the window
    return count;
  }
}
