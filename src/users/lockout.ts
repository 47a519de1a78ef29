import type { Config } from '../config.js';
import { networkOf } from '../kernel/addresses.js';
import type { Step, Store } from '../store/index.js';

const KNOWN_FOR_MS = 90 * 86_400_000;

/**
 * Wrong passwords are counted for each pair of account and address. A pair with too many is locked for a while. When an
 * account collects very many from everywhere, only addresses that it has signed in from before may go on: a stranger
 * can slow himself down, never lock the owner out.
 */
export interface Lockout {
  isLocked(tenantId: string, account: string, address: string): Promise<boolean>;
  failed(tenantId: string, account: string, address: string): Promise<void>;
  /** What is to be written when somebody has signed in: in one unit with what else is. */
  successSteps(tenantId: string, account: string, address: string): Promise<Step[]>;
}

export function openLockout(
  store: Store,
  { failures, minutes, accountFailures }: Config['lockout'],
): Lockout {
  const window = minutes * 60_000;
  const pair = store.prepare(
    'SELECT locked_until FROM sign_in_failures WHERE tenant_id = ? AND account = ? AND address = ? AND expires_at > ?',
  );
  const total = store.prepare(
    'SELECT COALESCE(SUM(failures), 0) AS failures FROM sign_in_failures WHERE tenant_id = ? AND account = ? AND expires_at > ?',
  );
  const known = store.prepare(
    'SELECT expires_at FROM known_addresses WHERE tenant_id = ? AND account = ? AND address = ? AND expires_at > ?',
  );
  const count = store.prepare(
    `INSERT INTO sign_in_failures AS f (tenant_id, account, address, failures, locked_until, expires_at)
     VALUES (?, ?, ?, 1, ?, ?)
     ON CONFLICT (tenant_id, account, address) DO UPDATE SET
       failures = CASE WHEN f.expires_at <= ? THEN 1 ELSE f.failures + 1 END,
       locked_until = CASE WHEN f.expires_at > ? AND f.failures + 1 >= ? THEN excluded.expires_at ELSE 0 END,
       expires_at = excluded.expires_at`,
  );
  const forget = store.prepare(
    'DELETE FROM sign_in_failures WHERE tenant_id = ? AND account = ? AND address = ?',
  );
  const remember = store.prepare(
    `INSERT INTO known_addresses (tenant_id, account, address, expires_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (tenant_id, account, address) DO UPDATE SET expires_at = excluded.expires_at`,
  );

  return {
    async isLocked(tenantId, account, from) {
      const address = networkOf(from);
      const now = Date.now();
      const row = await pair.first(tenantId, account, address, now);
      if (row && Number(row['locked_until']) > now) return true;
      const sum = await total.first(tenantId, account, now);
      if (Number(sum?.['failures']) < accountFailures) return false;
      return !(await known.first(tenantId, account, address, now));
    },
    async failed(tenantId, account, from) {
      const now = Date.now();
      const lockedAtOnce = failures === 1 ? now + window : 0;
      await count.run(tenantId, account, networkOf(from), lockedAtOnce, now + window, now, now, failures);
    },
    async successSteps(tenantId, account, from) {
      const address = networkOf(from);
      const now = Date.now();
      const seen = await known.first(tenantId, account, address, now + KNOWN_FOR_MS / 2);
      const steps = [{ statement: forget, values: [tenantId, account, address] }];
      return seen
        ? steps
        : [...steps, { statement: remember, values: [tenantId, account, address, now + KNOWN_FOR_MS] }];
    },
  };
}
