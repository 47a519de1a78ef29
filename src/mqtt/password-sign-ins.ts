import { createHash } from 'node:crypto';
import { steadyNow } from '../kernel/clock.js';

/** How long a client identifier is taken after a device has signed in under it with its password; twice that at most. */
const TAKEN_MS = 3600 * 1000;
/** So many are remembered, and as many of the hour before, so that memory has an end. */
const MOST = 50_000;
const LONGEST = 64;

/**
 * The client identifiers under which devices have signed in with passwords at this node lately: no token is admitted under
 * them. They are kept in memory, because a sign-in with a password must not cost a write.
 */
export interface PasswordSignIns {
  add(tenantId: string, clientid: string): void;
  has(tenantId: string, clientid: string): boolean;
}

const keyOf = (tenantId: string, clientid: string): string =>
  `${tenantId} ${clientid.length <= LONGEST ? clientid : createHash('sha256').update(clientid).digest('base64')}`;

export function openPasswordSignIns(now: () => number = steadyNow): PasswordSignIns {
  let newer = new Set<string>();
  let older = new Set<string>();
  let since = now();

  function turn(): void {
    const age = now() - since;
    if (age < TAKEN_MS && newer.size < MOST) return;
    older = age < 2 * TAKEN_MS ? newer : new Set();
    newer = new Set();
    since = now();
  }

  return {
    add(tenantId, clientid) {
      if (clientid === '') return;
      turn();
      newer.add(keyOf(tenantId, clientid));
    },
    has(tenantId, clientid) {
      turn();
      const key = keyOf(tenantId, clientid);
      return newer.has(key) || older.has(key);
    },
  };
}
