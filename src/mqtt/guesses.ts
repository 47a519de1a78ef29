import { networkOf } from '../kernel/addresses.js';
import { steadyNow } from '../kernel/clock.js';
import type { Soon } from '../kernel/soon.js';
import type { Log } from '../observe/index.js';
import type { Step, Store } from '../store/index.js';
import type { Lockout } from '../users/index.js';

/** A device's row, as far as it tells where the device signed in last. */
export interface Seen {
  kind: string;
  key: string;
  seenAddress: string | null;
  /** Epoch milliseconds. */
  seenAt: number;
}

/**
 * Wrong passwords of devices, counted as those of people are (users/lockout.ts), but asked for only where there may have
 * been any: a device that has guessed nothing, from the address where it was last, costs no look and no write.
 */
export interface Guesses {
  /**
   * Counts a wrong password, or notes a right one; of somebody who is locked, neither.
   * @param address the device's own, or what stands for it.
   * @returns whether the pair of device and address is locked.
   */
  settle(tenantId: string, device: Seen, address: string, wrong: boolean): Soon<boolean>;
}

const ACCOUNTS = 'mqtt:';
/** How long what was read of other nodes' guesses is good for, and from when on it is read anew in the background. */
const GOOD_FOR_MS = 4500;
const READ_AFTER_MS = 2000;
/** With more under attack than this, everybody is looked at. */
const MOST_SUSPECTS = 10_000;
const SEEN_FOR_MS = 30 * 86_400_000;

export function openGuesses(store: Store, lockout: Lockout, log: Log): Guesses {
  const select = store.prepare(
    `SELECT DISTINCT tenant_id, account FROM sign_in_failures WHERE expires_at > ? AND substr(account, 1, ?) = ? LIMIT ?`,
  );
  const note = store.prepare(
    'UPDATE mqtt_credentials SET seen_address = ?, seen_at = ? WHERE tenant_id = ? AND kind = ? AND name = ?',
  );
  let suspects = new Set<string>();
  let mine = new Set<string>();
  let readAt = -Infinity;
  let reading = false;

  async function read(): Promise<void> {
    const started = steadyNow();
    mine = new Set(); // what is counted from here on may be missing from what is read
    const rows = await select.all(Date.now(), ACCOUNTS.length, ACCOUNTS, MOST_SUSPECTS + 1);
    suspects = new Set(rows.map((row) => `${row['tenant_id']} ${row['account']}`));
    readAt = started;
  }

  function readInTime(now: number): void {
    if (reading || now - readAt < READ_AFTER_MS) return;
    reading = true;
    read()
      .catch((err: unknown) =>
        log.error({ err }, 'wrong passwords of devices could not be read; looking at each'),
      )
      .finally(() => (reading = false));
  }

  function mayHaveGuessed(who: string): boolean {
    const now = steadyNow();
    readInTime(now);
    return now - readAt > GOOD_FOR_MS || suspects.size > MOST_SUSPECTS || suspects.has(who) || mine.has(who);
  }

  return {
    settle(tenantId, { kind, key, seenAddress, seenAt }, from, wrong) {
      const account = `${ACCOUNTS}${kind}:${key}`;
      const who = `${tenantId} ${account}`;
      const address = networkOf(from);
      const now = Date.now();
      const asBefore = seenAddress === address && seenAt > now - SEEN_FOR_MS;
      if (!wrong && asBefore && !mayHaveGuessed(who)) return false;
      return (async () => {
        const { locked, successSteps } = await lockout.look(tenantId, account, address);
        if (locked) return true;
        if (wrong) {
          mine.add(who);
          await lockout.failed(tenantId, account, address);
          mine.add(who); // it may have been read meanwhile
          return false;
        }
        const seen: Step[] = asBefore
          ? []
          : [{ statement: note, values: [address, now, tenantId, kind, key] }];
        if (successSteps.length + seen.length > 0) await store.unit([...successSteps, ...seen]);
        return false;
      })();
    },
  };
}
