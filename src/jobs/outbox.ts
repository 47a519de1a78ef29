import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import type { Audit, Log } from '../observe/index.js';
import type { Row, SealedColumn, Store, TenantDb, Vault } from '../store/index.js';
import { openCircuits, Refused } from './circuits.js';
import { every } from './every.js';
import { takingTurns } from './turns.js';

const DAY_MS = 86_400_000;
const LOOK_SECONDS = 1;
/** How long whoever has taken a message has for it; longer than any delivery may last. */
const LEASE_MS = 60_000;
const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 3_600_000;
/** Of all lanes together; each waits for somebody else's server, at most a few seconds. */
const AT_ONCE = 256;
/** Of all lanes of one tenant: it can have any number of them, one for each client. */
const AT_ONCE_OF_TENANT = 32;
const LANES_A_PAGE = 500;
const MOST_EXPIRED = 100;

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

/**
 * Sends one message. Throws when it did not arrive; then it is tried again. `Refused` where the other side answered and takes
 * others.
 */
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
 * - a message delays none of another tenant, however long its place takes, and of its own tenant none to another place as long
 *   as fewer than 32 places do not answer;
 * - one that can be of no use any more is not sent.
 */
export interface Outbox {
  add(tenantId: string, kind: string, payload: unknown, route?: Route): Promise<void>;
  /** Tries everything that is due, after the turn that runs, and resolves when it has been tried. */
  deliver(): Promise<void>;
  /** How many lanes have nothing tried because nothing arrives there. */
  openCircuits(): number;
  close(): Promise<void>;
}

/** Where a message goes, and for how long it is of use. */
export interface Route {
  /** What it shares its lane with, of its tenant: the same driver, the same receiver. Its kind, where it is left out. */
  to?: string;
  /** For how many seconds it is of use; a day where it is left out. */
  usefulFor?: number;
}

function newRow(tenantId: string, kind: string, payload: unknown, { to = kind, usefulFor }: Route = {}) {
  const now = Date.now();
  return {
    id: newId(),
    kind,
    payload: JSON.stringify(payload),
    next_at: now,
    gives_up_at: now + (usefulFor === undefined ? DAY_MS : usefulFor * 1000),
    lane: `${tenantId}:${to}`,
  };
}

/** What `add` does, in the transaction of what the message tells about. */
export const queueMessage = (db: TenantDb, kind: string, payload: unknown, route?: Route): Promise<void> =>
  db.insert('outbox', newRow(db.tenantId, kind, payload, route));

/** The same for many messages of one route; all or none, in a transaction. */
export const queueMessages = (
  db: TenantDb,
  kind: string,
  payloads: readonly unknown[],
  route?: Route,
): Promise<void> =>
  db.insertAll(
    'outbox',
    payloads.map((payload) => newRow(db.tenantId, kind, payload, route)),
  );

/** What a message's secret part is sealed for. */
const sealFor = (tenantId: string, id: string): string => `outbox:${tenantId}:${id}`;

/** The same for a message that nobody may read before it is sent; its courier gets it by `openMessage`. */
export function queueSealed(
  db: TenantDb,
  vault: Vault,
  kind: string,
  content: unknown,
  route?: Route,
): Promise<void> {
  const row = newRow(db.tenantId, kind, {}, route);
  const sealed = vault.seal(JSON.stringify(content), sealFor(db.tenantId, row.id));
  return db.insert('outbox', { ...row, sealed });
}

/** What `queueSealed` was given. */
export const openMessage = <T>(
  vault: Vault,
  { tenantId, id, sealed = '' }: Pick<Message, 'tenantId' | 'id' | 'sealed'>,
): T => parse<T>(vault.open(sealed, sealFor(tenantId, id)));

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

const namesOf = (row: Row): [tenantId: string, id: string, kind: string] => [
  row['tenant_id'] as string,
  row['id'] as string,
  row['kind'] as string,
];

export function openOutbox(
  store: Store,
  log: Log,
  audit: Audit,
  /** How each kind is sent, asked for when the first message goes out. */
  deliverOf: (kind: string) => Deliver | undefined,
): Outbox {
  const insert = store.prepare(
    'INSERT INTO outbox (tenant_id, id, kind, payload, next_at, gives_up_at, lane) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  // From lane to lane by the index, so that a thousand messages of one cost no more than one; a page at a time, because
  // nothing else runs during a statement on SQLite.
  const lanesAfter = store.prepare(
    `WITH RECURSIVE lanes (lane, n) AS (
       SELECT MIN(lane), 1 FROM outbox WHERE lane > ?
       UNION ALL
       SELECT (SELECT MIN(next.lane) FROM outbox next WHERE next.lane > lanes.lane), lanes.n + 1 FROM lanes
        WHERE lanes.lane IS NOT NULL AND lanes.n < ${LANES_A_PAGE}
     )
     SELECT lane, EXISTS (SELECT 1 FROM outbox due WHERE due.lane = lanes.lane AND due.next_at <= ?) AS due
       FROM lanes WHERE lane IS NOT NULL ORDER BY lane`,
  );
  const due = store.prepare(
    'SELECT * FROM outbox WHERE lane = ? AND next_at <= ? AND gives_up_at > ? ORDER BY next_at LIMIT ?',
  );
  const expired = store.prepare(
    `SELECT * FROM outbox WHERE gives_up_at <= ? AND next_at <= ? LIMIT ${MOST_EXPIRED}`,
  );
  const dropExpired = store.prepare(
    'DELETE FROM outbox WHERE tenant_id = ? AND id = ? AND gives_up_at <= ? AND next_at <= ?',
  );
  const take = store.prepare(
    'UPDATE outbox SET next_at = ?, attempts = attempts + 1 WHERE tenant_id = ? AND id = ? AND next_at <= ?',
  );
  // Nobody else looks at it before it is given up, and not while it is under way.
  const mark = store.prepare(
    'UPDATE outbox SET next_at = CASE WHEN gives_up_at > ? THEN gives_up_at ELSE ? END WHERE tenant_id = ? AND id = ? AND attempts = ?',
  );
  const later = store.prepare('UPDATE outbox SET next_at = ? WHERE tenant_id = ? AND id = ?');
  const remove = store.prepare('DELETE FROM outbox WHERE tenant_id = ? AND id = ?');
  const inTurn = takingTurns(AT_ONCE, AT_ONCE_OF_TENANT);
  const circuits = openCircuits(log);

  async function giveUp(row: Row, attempts: number, reason: string): Promise<void> {
    const [tenantId, id, kind] = namesOf(row);
    await audit(tenantId, {
      event: `outbox.${kind}`,
      result: 'failure',
      target: id,
      detail: { attempts, reason },
    });
    log.error({ kind, message: id, attempts, reason }, 'not delivered, and given up');
  }

  async function failed(row: Row, error: Error): Promise<void> {
    const [tenantId, id, kind] = namesOf(row);
    const attempts = Number(row['attempts']) + 1;
    const next = Date.now() + waitAfter(attempts);
    const reason = error.message.slice(0, 200);
    circuits.failed(row['lane'] as string, error);
    if (error instanceof OutcomeUnknown) {
      log.warn({ kind, message: id, attempts, reason }, 'perhaps delivered; it is not sent a second time');
      return;
    }
    if (next < Number(row['gives_up_at'])) {
      await later.run(next, tenantId, id);
      log.warn({ kind, message: id, attempts, reason }, 'not delivered; it is tried again');
      return;
    }
    await remove.run(tenantId, id);
    await giveUp(row, attempts, reason);
  }

  /** Answers whether the other side did. */
  async function attempt(row: Row): Promise<boolean> {
    const [tenantId, id, kind] = namesOf(row);
    const now = Date.now();
    if (now >= Number(row['gives_up_at'])) return false; // it expired while it waited for its turn
    if ((await take.run(now + LEASE_MS, tenantId, id, now)) === 0) return false; // somebody else has it
    const attempts = Number(row['attempts']) + 1;
    const handOver = async (): Promise<void> => {
      const leased = Date.now() + LEASE_MS;
      if ((await mark.run(leased, leased, tenantId, id, attempts)) === 0) throw new TakenOver();
    };
    try {
      const sealed = (row['sealed'] as string | null) ?? undefined;
      await deliverOf(kind)?.({ tenantId, id, payload: parse(row['payload']), sealed, handOver });
      circuits.arrived(row['lane'] as string);
      await remove.run(tenantId, id);
      return true;
    } catch (error) {
      if (!(error instanceof TakenOver)) await failed(row, error as Error);
      return error instanceof Refused;
    }
  }

  /** Messages whose delivery is not known, and messages that are of no use any more, such as an expired code. */
  async function giveUpExpired(): Promise<void> {
    for (;;) {
      const now = Date.now();
      const rows = await expired.all(now, now);
      for (const row of rows) {
        const [tenantId, id] = namesOf(row);
        if ((await dropExpired.run(tenantId, id, now, now)) === 0) continue; // another node was quicker
        const attempts = Number(row['attempts']);
        const handedOver = attempts > 0 && Number(row['next_at']) >= Number(row['gives_up_at']);
        const reason = handedOver ? 'it is not known whether it arrived' : 'it was of no use any more';
        await giveUp(row, attempts, reason);
      }
      if (rows.length < MOST_EXPIRED) return;
    }
  }

  let closed = false;
  /** Sends what is due of one lane: one message until its place answers, then as many at once as its circuit lets. */
  async function empty(lane: string): Promise<void> {
    let answers: boolean = false;
    while (!closed) {
      const now = Date.now();
      const width: number = answers ? circuits.width(lane) : Math.min(1, circuits.width(lane));
      const rows = width === 0 ? [] : await due.all(lane, now, now, width);
      if (rows.length === 0) return;
      const tried = await Promise.all(
        rows.map((row) => inTurn(row['tenant_id'] as string, () => attempt(row))),
      );
      answers ||= tried.includes(true);
    }
  }

  /** All lanes that something is due in, page by page. */
  async function* lanesDue(): AsyncGenerator<string> {
    for (let last = ''; ;) {
      const page = await lanesAfter.all(last, Date.now());
      for (const row of page) if (row['due']) yield row['lane'] as string;
      if (page.length < LANES_A_PAGE) return;
      last = page.at(-1)?.['lane'] as string;
    }
  }

  const running = new Map<string, Promise<void>>();
  /** How many lanes have been seen to; what they sent can have led to other messages. */
  let seenTo = 0;
  /** Sees to every lane that something is due in; those that are seen to already go on. */
  async function look(): Promise<void> {
    await giveUpExpired();
    for await (const lane of lanesDue()) {
      if (closed || running.has(lane) || circuits.width(lane) === 0) continue;
      const work = empty(lane)
        .catch((err: unknown) => log.error({ err, job: 'outbox' }, 'a lane failed; it is tried again'))
        .finally(() => {
          running.delete(lane);
          seenTo += 1;
        });
      running.set(lane, work);
    }
  }

  async function deliver(): Promise<void> {
    let before: number;
    do {
      before = seenTo;
      await look();
      await Promise.all(running.values());
    } while (seenTo > before);
  }

  const repeated = every(LOOK_SECONDS, 'outbox', log, look);
  return {
    async add(tenantId, kind, payload, route) {
      const row = newRow(tenantId, kind, payload, route);
      const { id, next_at, gives_up_at, lane } = row;
      await insert.run(tenantId, id, kind, row.payload, next_at, gives_up_at, lane);
    },
    deliver,
    openCircuits: () => circuits.open(),
    async close() {
      closed = true;
      await repeated.close();
      await Promise.all(running.values());
    },
  };
}
