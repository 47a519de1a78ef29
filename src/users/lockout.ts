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
  look(tenantId: string, account: string, address: string): Promise<Standing>;
  failed(tenantId: string, account: string, address: string): Promise<void>;
}

/** How an account and an address stand to each other at this moment. */
export interface Standing {
  locked: boolean;
  /** What is to be written when somebody has signed in, in one unit with what else is; often nothing. */
  successSteps: Step[];
}

export function openLockout(
  store: Store,
  { failures, minutes, accountFailures }: Config['lockout'],
): Lockout {
  const window = minutes * 60_000;
  const standing = store.prepare(
    `SELECT COALESCE(SUM(failures), 0) AS total,
       COUNT(CASE WHEN address = ? THEN 1 END) AS own,
       MAX(CASE WHEN address = ? THEN locked_until END) AS locked_until,
       (SELECT expires_at FROM known_addresses WHERE tenant_id = ? AND account = ? AND address = ?) AS known_until
     FROM sign_in_failures WHERE tenant_id = ? AND account = ? AND expires_at > ?`,
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
    async look(tenantId, account, from) {
      const address = networkOf(from);
      const now = Date.now();
      const pair = [tenantId, account, address];
      const row = await standing.first(address, address, ...pair, tenantId, account, now);
      const knownUntil = Number(row?.['known_until'] ?? 0);
      const fromEverywhere = Number(row?.['total']) >= accountFailures && knownUntil <= now;
      return {
        locked: Number(row?.['locked_until'] ?? 0) > now || fromEverywhere,
        successSteps: [
          ...(Number(row?.['own']) > 0 ? [{ statement: forget, values: pair }] : []),
          ...(knownUntil > now + KNOWN_FOR_MS / 2
            ? []
            : [{ statement: remember, values: [...pair, now + KNOWN_FOR_MS] }]),
        ],
      };
    },
    async failed(tenantId, account, from) {
      const now = Date.now();
      const lockedAtOnce = failures === 1 ? now + window : 0;
      await count.run(tenantId, account, networkOf(from), lockedAtOnce, now + window, now, now, failures);
    },
  };
}
