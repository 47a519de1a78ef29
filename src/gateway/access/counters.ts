import { every } from '../../jobs/index.js';
import { soon, type Soon } from '../../kernel/soon.js';
import type { Log } from '../../observe/index.js';
import type { Row, Store } from '../../store/index.js';
import type { Period } from './zoned-periods.js';

/** How many calls somebody has made in a window. */
export interface Counter {
  readonly tenantId: string;
  /** In the table rate_counts. */
  readonly id: string;
  /** Counted here, and not written yet. */
  here: number;
  /** Counted everywhere, as of the last look. */
  everywhere: number;
  /** Epoch milliseconds. */
  ends: number;
}

/** What a counter counts. */
export interface Counted {
  tenantId: string;
  name: string;
  /** A period of the calendar, or how long a window lasts that begins with its first call, in milliseconds. */
  window: Period | number;
}

/**
 * Counts of calls that all nodes share. A node counts in memory, adds what it has counted to the store once a second, and learns
 * the sum; so what one second lets in can be more than a limit, and what one second has counted is lost where a node is killed.
 * The first call of a counter reads what the store has of it.
 */
export interface Counters {
  counter(counted: Counted): Soon<Counter>;
  /** Adds this node's counts to the store's, and learns those of the others. */
  share(): Promise<void>;
  close(): Promise<void>;
}

const SHARE_SECONDS = 1;
const BATCH = 200;
/** So many counters are kept apart. Behind them callers share counters, so that memory has an end. */
const MOST_COUNTERS = 200_000;
const SHARED_COUNTERS = 4096;

function bucketOf(name: string): number {
  let hash = 0;
  for (let at = 0; at < name.length; at += 1) hash = (hash * 31 + name.charCodeAt(at)) | 0;
  return (hash >>> 0) % SHARED_COUNTERS;
}

const idOf = ({ name, window }: Counted): string =>
  typeof window === 'number' ? `gateway:${name}` : `gateway:${name}:${window.start}`;

export function openCounters(store: Store, log: Log, now: () => number): Counters {
  const counters = new Map<string, Counter>();
  const loading = new Map<string, Promise<Counter>>();
  const select = store.prepare(
    'SELECT count, expires_at FROM rate_counts WHERE tenant_id = ? AND id = ? AND expires_at > ?',
  );

  async function load(key: string, counted: Counted): Promise<Counter> {
    const { tenantId, window } = counted;
    const id = idOf(counted);
    const time = now();
    const row = await select.first(tenantId, id, Math.floor(time));
    const ends = typeof window === 'number' ? Math.ceil(time + window) : window.end;
    const counter: Counter = {
      tenantId,
      id,
      here: 0,
      everywhere: Number(row?.['count'] ?? 0),
      ends: Number(row?.['expires_at'] ?? ends),
    };
    counters.set(key, counter);
    loading.delete(key);
    return counter;
  }

  function forgetEnded(): void {
    const time = now();
    for (const [key, { ends, here }] of counters) if (ends <= time && here === 0) counters.delete(key);
  }

  async function write(batch: readonly Counter[]): Promise<void> {
    const rows = batch.map(({ tenantId, id, here, ends }) => ({
      tenant_id: tenantId,
      id,
      count: here,
      expires_at: ends,
    }));
    const { knex } = store;
    const time = Math.floor(now());
    const ended = knex.raw('rate_counts.expires_at <= ?', [time]);
    const answered = (await knex('rate_counts')
      .insert(rows)
      .onConflict(['tenant_id', 'id'])
      .merge({
        count: knex.raw('CASE WHEN ? THEN excluded.count ELSE rate_counts.count + excluded.count END', [
          ended,
        ]),
        expires_at: knex.raw('CASE WHEN ? THEN excluded.expires_at ELSE rate_counts.expires_at END', [ended]),
      })
      .returning(['tenant_id', 'id', 'count', 'expires_at'])) as Row[];
    const sums = new Map(answered.map((row) => [`${row['tenant_id']} ${row['id']}`, row]));
    for (const [at, counter] of batch.entries()) {
      counter.here -= rows[at]?.count ?? 0;
      const row = sums.get(`${counter.tenantId} ${counter.id}`);
      counter.everywhere = Number(row?.['count'] ?? counter.everywhere);
      counter.ends = Number(row?.['expires_at'] ?? counter.ends);
    }
  }

  async function share(): Promise<void> {
    const active = [...counters.values()].filter(({ here }) => here > 0);
    for (let at = 0; at < active.length; at += BATCH) await write(active.slice(at, at + BATCH));
    forgetEnded();
  }

  const repeated = every(SHARE_SECONDS, 'limits of the gateway', log, share);
  return {
    counter(asked) {
      const isKnown = counters.size < MOST_COUNTERS || counters.has(`${asked.tenantId} ${idOf(asked)}`);
      const counted = isKnown ? asked : { ...asked, name: `~${bucketOf(asked.name)}` };
      const key = `${counted.tenantId} ${idOf(counted)}`;
      const counter = counters.get(key);
      if (counter && counter.ends > now()) return counter;
      let coming = loading.get(key);
      if (!coming) {
        coming = load(key, counted).catch((error: unknown) => {
          loading.delete(key);
          throw error;
        });
        loading.set(key, coming);
      }
      return soon(coming, (loaded) => loaded);
    },
    share,
    async close() {
      await repeated.close();
      await share();
    },
  };
}
