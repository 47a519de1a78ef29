import { newId } from '../kernel/ids.js';
import type { Row, Store, TenantDb } from '../store/index.js';

/** One thing that a reviewer may ask about later. Holds names and ids, never a secret. */
export interface AuditEvent {
  event: string;
  result: 'success' | 'failure';
  /** Who did it: a user's key, or a client id. */
  actor?: string | undefined;
  clientId?: string | undefined;
  target?: string | undefined;
  address?: string | undefined;
  requestId?: string | undefined;
  detail?: Record<string, unknown> | undefined;
}

export type Audit = (tenantId: string, event: AuditEvent) => Promise<void>;

const rowOf = ({ event, result, actor, clientId, target, address, requestId, detail }: AuditEvent) => ({
  id: newId(),
  at: Date.now(),
  event,
  result,
  actor: actor ?? null,
  client_id: clientId ?? null,
  target: target ?? null,
  address: address ?? null,
  request_id: requestId ?? null,
  detail: JSON.stringify(detail ?? {}),
});

/** Writes to the audit table; resolves when the row is committed. */
export function openAudit(store: Store): Audit {
  const insert = store.prepare(
    `INSERT INTO audit (tenant_id, id, at, event, result, actor, client_id, target, address, request_id, detail)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  return async (tenantId, event) => void (await insert.run(tenantId, ...Object.values(rowOf(event))));
}

/** The same, in the transaction of what it tells about. */
export const auditIn = (db: TenantDb, event: AuditEvent): Promise<void> => db.insert('audit', rowOf(event));

/** What the audit has of a person's doings; times are epoch milliseconds. */
export interface Deed {
  at: number;
  event: string;
  result: string;
  clientId: string | null;
  address: string | null;
}

/** The latest deeds of a user, the newest first. */
export async function deedsOf(db: TenantDb, actor: string, most: number): Promise<Deed[]> {
  const rows = (await db.from('audit').where({ actor }).orderBy('id', 'desc').limit(most)) as Row[];
  return rows.map((row) => ({
    at: row['at'] as number,
    event: row['event'] as string,
    result: row['result'] as string,
    clientId: row['client_id'] as string | null,
    address: row['address'] as string | null,
  }));
}

/** So many rows are changed in one statement; see deleteInPieces. */
const PIECE = 500;

/** Forgets from where somebody did what the audit keeps. */
export async function forgetAddresses(db: TenantDb, actor: string): Promise<void> {
  let after = '';
  for (;;) {
    const rows = () => db.from('audit').where({ actor }).where('id', '>', after);
    const last = await rows()
      .orderBy('id')
      .offset(PIECE - 1)
      .first<{ id: string } | undefined>('id');
    await (last ? rows().where('id', '<=', last.id) : rows())
      .whereNotNull('address')
      .update({ address: null });
    if (!last) return;
    after = last.id;
  }
}
