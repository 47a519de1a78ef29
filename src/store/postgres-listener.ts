import pg from 'pg';
import { CHANNEL } from './changes.js';
import type { Listening } from './store.js';

/** How soon a connection that broke is made again. */
const AGAIN_MS = 1000;
/** How often a connection is asked whether it is still there: a server that is gone says nothing. */
const CHECK_MS = 10_000;

/** What pg's client has besides its types. */
interface Client extends pg.Client {
  unref(): void;
}

/**
 * Hears what other processes announce, on a connection of its own. While there is none, or where something between the
 * program and the server hands connections on (PgBouncer), nothing is heard.
 */
export function listenOn(settings: pg.ClientConfig): Listening {
  let heard = false;
  let closed = false;
  let client: pg.Client | undefined;
  let again: NodeJS.Timeout | undefined;

  const check = setInterval(() => void client?.query('SELECT 1').catch(() => lost(client)), CHECK_MS);
  check.unref();

  function lost(which: pg.Client | undefined): void {
    if (which === undefined || which !== client) return;
    client = undefined;
    void which.end().catch(() => undefined);
    if (!closed) again = setTimeout(() => void open(), AGAIN_MS).unref();
  }

  async function open(): Promise<void> {
    const opening = new pg.Client(settings);
    client = opening;
    opening.on('notification', () => (heard = true));
    opening.on('error', () => lost(opening));
    opening.on('end', () => lost(opening));
    try {
      await opening.connect();
      (opening as Client).unref(); // it is no reason for the process to go on
      await opening.query(`LISTEN ${CHANNEL}`);
      heard = true; // what was said before
    } catch {
      lost(opening);
    }
  }

  void open();
  return {
    heard() {
      const was = heard;
      heard = false;
      return was;
    },
    close() {
      closed = true;
      clearInterval(check);
      clearTimeout(again);
      lost(client);
    },
  };
}
