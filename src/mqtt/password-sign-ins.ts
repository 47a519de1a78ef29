import { createHash } from 'node:crypto';
import { steadyNow } from '../kernel/clock.js';
import { StoreUnavailable } from '../kernel/errors.js';
import { every } from '../jobs/index.js';
import type { Log } from '../observe/index.js';
import { tenantTransaction, type Store } from '../store/index.js';

const HOUR_MS = 3600 * 1000;
/** How long a client identifier is taken at least after a device has signed in under it with its password. */
const TAKEN_MS = HOUR_MS;
/** So many are remembered, and as many of the hour before, so that memory has an end. */
const MOST = 50_000;
const LONGEST = 64;
/** How often what is new is written down. Until then, only this node knows it. */
const WRITE_SECONDS = 1;

/**
 * The client identifiers under which devices have signed in with passwords lately: no token is admitted under them. A
 * sign-in with a password must not cost a write, so it is kept in memory, and what is new within the hour is written down
 * each second, many at once, for the other nodes.
 */
export interface PasswordSignIns {
  /** @param clientid one that is no device's in the tables, where all nodes find it. */
  add(tenantId: string, clientid: string): void;
  has(tenantId: string, clientid: string): Promise<boolean>;
  /** Writes down what is new. */
  close(): Promise<void>;
}

const shortened = (clientid: string): string => (clientid.length <= LONGEST ? clientid : idOf(clientid));

const idOf = (clientid: string): string => createHash('sha256').update(clientid).digest('base64url');

/** A row lasts for two hours or more: a client identifier that is in use is written once in an hour. */
const rowOf = (clientid: string): Record<string, unknown> => ({
  id: idOf(clientid),
  expires_at: Math.ceil((Date.now() + 2 * TAKEN_MS) / HOUR_MS) * HOUR_MS,
});

export function openPasswordSignIns(store: Store, log: Log, now: () => number = steadyNow): PasswordSignIns {
  const select = store.prepare(
    'SELECT 1 AS taken FROM mqtt_password_sign_ins WHERE tenant_id = ? AND id = ? AND expires_at > ? LIMIT 1',
  );
  let newer = new Set<string>();
  let older = new Set<string>();
  let since = now();
  /** By tenant. */
  let unwritten = new Map<string, Set<string>>();

  function turn(): void {
    const age = now() - since;
    if (age < TAKEN_MS && newer.size < MOST) return;
    older = age < 2 * TAKEN_MS ? newer : new Set();
    newer = new Set();
    since = now();
  }

  function toWrite(tenantId: string, clientid: string): void {
    const ofTenant = unwritten.get(tenantId);
    if (ofTenant) ofTenant.add(clientid);
    else unwritten.set(tenantId, new Set([clientid]));
  }

  async function writeFor(tenantId: string, clientids: ReadonlySet<string>): Promise<void> {
    const rows = [...clientids].map(rowOf);
    try {
      await tenantTransaction(store, tenantId, (db) =>
        db.insertFree('mqtt_password_sign_ins', ['id', 'expires_at'], 'id', rows),
      );
    } catch (error) {
      // With a tenant that is gone, what it had is gone too.
      if (error instanceof StoreUnavailable) for (const clientid of clientids) toWrite(tenantId, clientid);
      throw error;
    }
  }

  async function write(): Promise<void> {
    const all = unwritten;
    unwritten = new Map();
    const failures: unknown[] = [];
    for (const [tenantId, clientids] of all)
      await writeFor(tenantId, clientids).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  const writing = every(WRITE_SECONDS, 'client identifiers of devices', log, write);

  return {
    add(tenantId, clientid) {
      turn();
      const key = `${tenantId} ${shortened(clientid)}`;
      if (newer.has(key)) return;
      newer.add(key);
      toWrite(tenantId, clientid);
    },
    async has(tenantId, clientid) {
      turn();
      const key = `${tenantId} ${shortened(clientid)}`;
      if (newer.has(key) || older.has(key)) return true;
      return (await select.first(tenantId, idOf(clientid), Date.now())) !== undefined;
    },
    async close() {
      await writing.close();
      await write().catch((err: unknown) =>
        log.error({ err }, 'client identifiers of devices were not kept'),
      );
    },
  };
}
