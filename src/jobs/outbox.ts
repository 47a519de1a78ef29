import pLimit from 'p-limit';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import type { Audit, Log } from '../observe/index.js';
import type { Row, SealedColumn, Store, TenantDb, Vault } from '../store/index.js';
import { every } from './every.js';

const DAY_MS = 86_400_000;
const LOOK_SECONDS = 1;
/** How long whoever has taken a message has for it; longer than any delivery may last. */
const LEASE_MS = 60_000;
const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 3_600_000;
/** Each waits for somebody else's server, at most a few seconds. */
const AT_ONCE = 32;
const TAKE = 100;

export interface Message {
  tenantId: string;
  /** The same each time that it is tried. */
  id: string;
  payload: unknown;
  /** What nobody may read at rest (`openMessage` reads it); absent where there is nothing. */
  sealed?: string | undefined;
  /**
   * Whoever calls it before handing the message over never does so a second time, unless it is known that it did not arrive:
   * a message whose sender died after that, or that ended with OutcomeUnknown, is kept until it is given up. One that is not
   * marked so is tried again.
   */
  handOver(): Promise<void>;
}

/** Sends one message. Throws when it did not arrive; then it is tried again. */
export type Deliver = (message: Message) => Promise<void>;

/** The message was handed over, and nobody knows whether it arrived. */
export class OutcomeUnknown extends Error {
  override name = 'OutcomeUnknown';
}

/** It took so long that somebody else has the message now. */
class TakenOver extends Error {}

/**
 * A durable queue of what goes out. Promises:
 * - `add` resolves when the message is committed; from then on it is tried until it arrives, for a day, through restarts;
 * - one message is with one worker at a time; one whose delivery is not known to have succeeded is tried again;
 * - a message that does not arrive delays no other.
 */
export interface Outbox {
  add(tenantId: string, kind: string, payload: unknown): Promise<void>;
  /** Tries everything that is due, after the turn that runs, and resolves when it has been tried. */
  deliver(): Promise<void>;
  close(): Promise<void>;
}

const newRow = (kind: string, payload: unknown, now = Date.now()) => ({
  id: newId(),
  kind,
  payload: JSON.stringify(payload),
  next_at: now,
  gives_up_at: now + DAY_MS,
});

/** What `add` does, in the transaction of what the message tells about. */
export const queueMessage = (db: TenantDb, kind: string, payload: unknown): Promise<void> =>
  db.insert('outbox', newRow(kind, payload));

/** What a message's secret part is sealed for. */
const sealFor = (tenantId: string, id: string): string => `outbox:${tenantId}:${id}`;

/** The same for a message that nobody may read before it is sent; its courier gets it by `openMessage`. */
export function queueSealed(db: TenantDb, vault: Vault, kind: string, content: unknown): Promise<void> {
  const row = newRow(kind, {});
  const sealed = vault.seal(JSON.stringify(content), sealFor(db.tenantId, row.id));
  return db.insert('outbox', { ...row, sealed });
}

/** What `queueSealed` was given. */
export const openMessage = <T>(
  vault: Vault,
  { tenantId, id, sealed = '' }: Pick<Message, 'tenantId' | 'id' | 'sealed'>,
): T => JSON.parse(vault.open(sealed, sealFor(tenantId, id))) as T;

/** What this room keeps sealed, for rewrapping. */
export const OUTBOX_SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: 'outbox',
    key: ['tenant_id', 'id'],
    column: 'sealed',
    row: (row) => sealFor(row['tenant_id'] as string, row['id'] as string),
  },
];

/** Doubles with each try, and is spread, so that what failed together does not come back together. */
export const waitAfter = (attempts: number): number => {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempts - 1));
  return Math.round(wait * (0.75 + Math.random() / 2));
};

export function openOutbox(
  store: Store,
  log: Log,
  audit: Audit,
  /** How each kind is sent, asked for when the first message goes out. */
  deliverOf: (kind: string) => Deliver | undefined,
): Outbox {
  const insert = store.prepare(
    'INSERT INTO outbox (tenant_id, id, kind, payload, next_at, gives_up_at) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const due = store.prepare(`SELECT * FROM outbox WHERE next_at <= ? ORDER BY next_at LIMIT ${TAKE}`);
  const take = store.prepare(
    'UPDATE outbox SET next_at = ?, attempts = attempts + 1 WHERE tenant_id = ? AND id = ? AND next_at <= ?',
  );
  const mark = store.prepare(
    'UPDATE outbox SET next_at = gives_up_at WHERE tenant_id = ? AND id = ? AND attempts = ?',
  );
  const later = store.prepare('UPDATE outbox SET next_at = ? WHERE tenant_id = ? AND id = ?');
  const remove = store.prepare('DELETE FROM outbox WHERE tenant_id = ? AND id = ?');
  const limit = pLimit(AT_ONCE);

  async function failed(row: Row, error: Error): Promise<void> {
    const [tenantId, id, kind] = [row['tenant_id'], row['id'], row['kind']] as [string, string, string];
    const attempts = Number(row['attempts']) + 1;
    const next = Date.now() + waitAfter(attempts);
    const reason = error.message.slice(0, 200);
    if (error instanceof OutcomeUnknown && Date.now() < Number(row['gives_up_at'])) {
      log.warn({ kind, message: id, attempts, reason }, 'perhaps delivered; it is not sent a second time');
      return;
    }
    if (next < Number(row['gives_up_at'])) {
      await later.run(next, tenantId, id);
      log.warn({ kind, message: id, attempts, reason }, 'not delivered; it is tried again');
      return;
    }
    await remove.run(tenantId, id);
    await audit(tenantId, {
      event: `outbox.${kind}`,
      result: 'failure',
      target: id,
      detail: { attempts, reason },
    });
    log.error({ kind, message: id, attempts, reason }, 'not delivered, and given up');
  }

  async function attempt(row: Row): Promise<void> {
    const [tenantId, id, kind] = [row['tenant_id'], row['id'], row['kind']] as [string, string, string];
    const now = Date.now();
    if ((await take.run(now + LEASE_MS, tenantId, id, now)) === 0) return; // somebody else has it
    const attempts = Number(row['attempts']) + 1;
    const handOver = async (): Promise<void> => {
      if ((await mark.run(tenantId, id, attempts)) === 0) throw new TakenOver();
    };
    try {
      if (now >= Number(row['gives_up_at'])) throw new OutcomeUnknown('it is not known whether it arrived');
      const sealed = (row['sealed'] as string | null) ?? undefined;
      await deliverOf(kind)?.({ tenantId, id, payload: parse(row['payload']), sealed, handOver });
      await remove.run(tenantId, id);
    } catch (error) {
      if (!(error instanceof TakenOver)) await failed(row, error as Error);
    }
  }

  async function takeTurn(): Promise<void> {
    for (;;) {
      const rows = await due.all(Date.now());
      await Promise.all(rows.map((row) => limit(() => attempt(row))));
      if (rows.length < TAKE) return;
    }
  }

  let turns = Promise.resolve();
  const deliver = (): Promise<void> => (turns = turns.then(takeTurn, takeTurn));
  const repeated = every(LOOK_SECONDS, 'outbox', log, deliver);
  return {
    async add(tenantId, kind, payload) {
      const row = newRow(kind, payload);
      await insert.run(tenantId, row.id, row.kind, row.payload, row.next_at, row.gives_up_at);
    },
    deliver,
    close: () => repeated.close(),
  };
}
