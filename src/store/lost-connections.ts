import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** How soon a server that could not be reached is asked again. */
const AGAIN_MS = 500;
/** The statement is quick, or the server is still silent. */
const QUERY_MS = 2000;

const TERMINATE = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE pid = ANY($1) AND application_name = $2 AND usename = current_user`;

export interface LostConnections {
  /** Notes a lost connection by the number of the server's process behind it. */
  add(processId: number): void;
  /** Notes that a new connection has this process. */
  forget(processId: number): void;
  close(): void;
}

/**
 * Asks the server to end connections that this process has lost. Where packets were dropped the server does not notice: it
 * keeps their transactions and locks for minutes. It is asked as soon as it can be reached, on a separate connection, because
 * those of the pool may be waiting for these locks.
 * @param settings with an `application_name` that no other process has: a server reuses the numbers of its processes.
 */
export function openLostConnections(settings: pg.ClientConfig): LostConnections {
  const lost = new Set<number>();
  let asking = false;
  let closed = false;

  async function terminate(processIds: readonly number[]): Promise<void> {
    const client = new pg.Client({ ...settings, query_timeout: QUERY_MS });
    client.on('error', () => undefined); // what is asked fails with it
    try {
      await client.connect();
      await client.query(TERMINATE, [processIds, settings.application_name]);
      for (const processId of processIds) lost.delete(processId);
    } finally {
      client.end().catch(() => undefined);
    }
  }

  async function askUntilTold(): Promise<void> {
    asking = true;
    while (lost.size > 0 && !closed) {
      await terminate([...lost]).catch(() => undefined);
      if (lost.size > 0) await delay(AGAIN_MS, undefined, { ref: false });
    }
    asking = false;
  }

  return {
    add(processId) {
      lost.add(processId);
      if (!asking) void askUntilTold();
    },
    forget: (processId) => void lost.delete(processId),
    close() {
      closed = true;
    },
  };
}
