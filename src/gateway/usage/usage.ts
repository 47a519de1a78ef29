import type { Config } from '../../config.js';
import { every } from '../../jobs/index.js';
import type { Log, Metrics } from '../../observe/index.js';
import { tenantTransaction, type Store } from '../../store/index.js';
import { openCounts, type Batch, type CountedCall } from './counts.js';
import { usageMetrics } from './metrics.js';
import { addUsage, rowsOf, type Kept } from './store.js';

/** How often counts are written: what a node loses at most where it is killed. */
const FLUSH_SECONDS = 5;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface UsageBase {
  store: Store;
  log: Log;
  config: Pick<Config, 'gateway'>;
  /** Absent where nothing is scraped. */
  metrics?: Pick<Metrics, 'counters'> | undefined;
  /** In epoch milliseconds; the system's clock where it is left out. */
  now?: () => number;
}

export interface Usage {
  /** Counts a call, in memory. */
  count(call: CountedCall): void;
  /** Writes what was counted. What cannot be written stays, and is tried again with the next. Never rejects. */
  flush(): Promise<void>;
  /** Writes the rest, and no more after it. */
  close(): Promise<void>;
}

/** How long counts are kept, by the configuration. */
export const keptFor = ({ gateway: { usage } }: Pick<Config, 'gateway'>): Kept => ({
  minute: usage.minuteHours * HOUR_MS,
  hour: usage.hourDays * DAY_MS,
  day: usage.dayDays * DAY_MS,
});

/** Opens the counting of calls; see index.ts. */
export function openUsage({ store, log, config, metrics, now }: UsageBase): Usage {
  const counts = openCounts(now);
  const kept = keptFor(config);
  if (metrics) usageMetrics(metrics, store, counts);

  /** One transaction a tenant. Answers false where it has to be tried again. */
  async function write(tenantId: string, batches: readonly Batch[]): Promise<boolean> {
    const rows = rowsOf(tenantId, batches);
    try {
      await tenantTransaction(store, tenantId, (db) => addUsage(db, rows, kept));
      return true;
    } catch (err) {
      if (!(await isThere(store, tenantId))) return true; // nobody is left whose usage it would be
      log.warn({ err, tenantId }, 'usage of the gateway could not be written; it is tried again');
      return false;
    }
  }

  async function writeAll(): Promise<void> {
    const batches = counts.take();
    const tenants = new Set(batches.flatMap((batch) => [...batch.tenants.keys()]));
    for (const tenantId of tenants)
      if (await write(tenantId, batches)) for (const batch of batches) batch.tenants.delete(tenantId);
    const lost = counts.putBack(batches);
    if (lost > 0)
      log.error({ minutes: lost }, 'usage of the gateway is lost: the store took none for too long');
  }

  // One after the other, so that of two the second writes what came during the first.
  let last: Promise<void> = Promise.resolve();
  const flush = (): Promise<void> => (last = last.then(writeAll));
  const repeated = every(FLUSH_SECONDS, 'gateway usage', log, flush);
  return {
    count: counts.count,
    flush,
    async close() {
      await repeated.close();
      await flush();
    },
  };
}

/** Whether the tenant is there still; taken for granted where the store does not say. */
async function isThere({ knex }: Store, tenantId: string): Promise<boolean> {
  try {
    return (await knex('tenants').where({ id: tenantId }).first('id')) !== undefined;
  } catch {
    return true;
  }
}
