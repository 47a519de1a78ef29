import type { Config } from '../../config.js';
import { every } from '../../jobs/index.js';
import { turnIsOver, yieldToEventLoop } from '../../kernel/event-loop.js';
import { StoreUnavailable } from '../../kernel/errors.js';
import type { Log, Metrics } from '../../observe/index.js';
import { tenantTransaction, type Store } from '../../store/index.js';
import { openCounts, type Batch, type CountedCall } from './counts.js';
import { usageMetrics } from './metrics.js';
import { addUsage, rowsOf, type Kept, type UsageRow } from './store.js';

/** How often counts are written: what a node loses at most where it is killed. */
const FLUSH_SECONDS = 5;

/** About so many rows go into a transaction. */
const ROWS_AT_ONCE = 1000;

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

  /** Answers false where it has to be tried again. @throws StoreUnavailable where that holds for all */
  async function write(tenantId: string, rows: readonly UsageRow[]): Promise<boolean> {
    try {
      await tenantTransaction(store, tenantId, (db) => addUsage(db, rows, kept));
      return true;
    } catch (err) {
      if (err instanceof StoreUnavailable) throw err;
      if (!(await isThere(store, tenantId))) return true; // nobody is left whose usage it would be
      log.warn({ err, tenantId }, 'usage of the gateway could not be written; it is tried again');
      return false;
    }
  }

  /** Writes a tenant's calls, some APIs in each transaction, and takes them out of the batches. */
  async function writeTenant(tenantId: string, batches: readonly Batch[]): Promise<void> {
    const apis = new Set(batches.flatMap(({ tenants }) => [...(tenants.get(tenantId)?.keys() ?? [])]));
    let some: { ids: string[]; rows: UsageRow[] } = { ids: [], rows: [] };
    const finish = async (): Promise<void> => {
      const { ids, rows } = some;
      some = { ids: [], rows: [] };
      if (rows.length === 0 || !(await write(tenantId, rows))) return;
      for (const { tenants } of batches) for (const id of ids) tenants.get(tenantId)?.delete(id);
    };
    for (const apiId of [...apis].sort()) {
      if (turnIsOver()) await yieldToEventLoop();
      const minutes = batches.flatMap(({ tenants }) => tenants.get(tenantId)?.get(apiId) ?? []);
      some.ids.push(apiId);
      some.rows.push(...rowsOf(apiId, minutes));
      if (some.rows.length >= ROWS_AT_ONCE) await finish();
    }
    await finish();
    for (const { tenants } of batches) if (tenants.get(tenantId)?.size === 0) tenants.delete(tenantId);
  }

  async function writeAll(): Promise<void> {
    const batches = counts.take();
    const tenants = new Set(batches.flatMap((batch) => [...batch.tenants.keys()]));
    try {
      for (const tenantId of tenants) await writeTenant(tenantId, batches);
    } catch (err) {
      log.warn({ err }, 'usage of the gateway could not be written; it is tried again');
    }
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
