import type { Config } from '../config.js';
import type { Log } from '../observe/index.js';
import type { Statement, Store } from '../store/index.js';
import { every } from './every.js';

/** Small enough that a delete never holds others up for long. */
export const BATCH = 100;

/** What is left over is counted up to here. */
const MOST_COUNTED = 10_000;

/** Tables whose rows end by themselves, and the columns that tell a row. */
const PERISHABLE: { table: string; key: string[] }[] = [
  { table: 'oidc_artifacts', key: ['tenant_id', 'id'] },
  { table: 'rate_counts', key: ['tenant_id', 'id'] },
  { table: 'revocations', key: ['tenant_id', 'kind', 'id'] },
  { table: 'sign_in_failures', key: ['tenant_id', 'account', 'address'] },
  { table: 'initial_access_tokens', key: ['tenant_id', 'id'] },
  { table: 'issued_tokens', key: ['tenant_id', 'id'] },
  { table: 'verification_codes', key: ['tenant_id', 'target'] },
  { table: 'api_subscription_requests', key: ['tenant_id', 'api_resource_id', 'email_key'] },
  { table: 'api_announcements', key: ['tenant_id', 'id'] },
  { table: 'known_addresses', key: ['tenant_id', 'account', 'address'] },
  { table: 'mqtt_token_sign_ins', key: ['tenant_id', 'id'] },
  { table: 'mqtt_password_sign_ins', key: ['tenant_id', 'id', 'expires_at'] },
  { table: 'tracked_jobs', key: ['tenant_id', 'id'] },
  { table: 'sdk_drafts', key: ['tenant_id', 'api_resource_id', 'language'] },
  { table: 'gateway_usage', key: ['tenant_id', 'api_id', 'step', 'dimension', 'started_at', 'key'] },
];

export interface Sweeper {
  /** Deletes all that has expired, in batches; answers how many rows went. */
  sweep(): Promise<number>;
  close(): Promise<void>;
}

/** Deletes what has expired, every now and then; what is left over is in the log. */
export function openSweeper(
  store: Store,
  log: Log,
  { enabled, intervalSeconds }: Config['sweeper'],
): Sweeper {
  const tables = PERISHABLE.map(({ table, key }) => {
    const columns = key.join(', ');
    return {
      table,
      // Expired rows are picked by the index first, so that a batch costs the same in a table of any size.
      remove: store.prepare(
        `DELETE FROM ${table} WHERE (${columns}) IN (SELECT ${columns} FROM ${table} WHERE expires_at <= ? LIMIT ${BATCH})`,
      ),
      backlog: store.prepare(
        `SELECT COUNT(*) AS rows FROM (SELECT 1 FROM ${table} WHERE expires_at <= ? LIMIT ${MOST_COUNTED}) AS left_over`,
      ),
    };
  });

  let closed = false;
  async function empty(remove: Statement, now: number): Promise<number> {
    let total = 0;
    for (;;) {
      const removed = await remove.run(now);
      total += removed;
      if (removed < BATCH || closed) return total;
    }
  }

  async function sweep(): Promise<number> {
    const now = Date.now();
    let total = 0;
    for (const { table, remove, backlog } of tables) {
      const removed = await empty(remove, now);
      if (removed === 0) continue;
      total += removed;
      log.info({ table, removed, backlog: Number((await backlog.first(now))?.['rows']) }, 'swept');
    }
    return total;
  }

  const repeated = enabled ? every(intervalSeconds, 'sweeper', log, sweep) : undefined;
  return {
    sweep,
    async close() {
      closed = true;
      await repeated?.close();
    },
  };
}
