import { newId } from '../kernel/ids.js';
import type { Store } from '../store/index.js';

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

/** Writes to the audit table; resolves when the row is committed. */
export function openAudit(store: Store): Audit {
  const insert = store.prepare(
    `INSERT INTO audit (tenant_id, id, at, event, result, actor, client_id, target, address, request_id, detail)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  return async (tenantId, { event, result, actor, clientId, target, address, requestId, detail }) => {
    await insert.run(
      tenantId,
      newId(),
      Date.now(),
      event,
      result,
      actor ?? null,
      clientId ?? null,
      target ?? null,
      address ?? null,
      requestId ?? null,
      JSON.stringify(detail ?? {}),
    );
  };
}
