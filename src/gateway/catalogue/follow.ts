import { endsWithin } from '../../kernel/ends-within.js';
import type { Soon } from '../../kernel/soon.js';
import type { Log } from '../../observe/index.js';
import { storeTime, type Store } from '../../store/index.js';
import { CHANGES } from './changes.js';

/** How often calls ask whether another process has said that it changed something. */
const ASK_MS = 50;
/** How often they look for changes of which no word came. */
const LOOK_MS = 900;
/** A change is seen within this time: calls wait for a look where the last one that ended well is older. */
const FRESH_MS = 1000;
/** For so long at most: the store may be away. */
const MOST_WAITED_MS = 2000;
/** How far back before the last look a look for changes goes: more than transactions last. */
const OVERLAP_MS = 60_000;

/** The numbers of the tenants whose catalogue has changed lately. */
export interface Changes {
  /** Grows with each change to the tenant's catalogue, as far as it is known here. */
  versionOf(tenantId: string): number;
  /**
   * Looks where there was word of a change, or where none was looked for lately. Calls wait for what this answers: a promise
   * where nobody has looked for a second, as when nobody has called.
   */
  ask(): Soon<void>;
  /** Looks now. A store that does not answer is written to the log. */
  look(): Promise<void>;
  close(): void;
}

/** Follows what this process and others change. It costs nothing while nobody calls. */
export function followChanges(store: Store, log: Log): Changes {
  const now = storeTime(store.dialect);
  const lately = store.prepare(`SELECT tenant_id, version FROM ${CHANGES} WHERE version >= ${now} - ?`);
  const listening = store.listen();
  const versions = new Map<string, number>();
  let readAt = performance.now();
  let [askedAt, lookedAt] = [readAt, readAt];
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let waiting: Promise<void> | undefined;
  /** The look that calls have waited for long enough. */
  let inVain: Promise<void> | undefined;

  async function read(): Promise<void> {
    const started = performance.now();
    lookedAt = started;
    const back = Math.ceil(started - readAt) + OVERLAP_MS;
    for (const row of await lately.all(back))
      versions.set(row['tenant_id'] as string, row['version'] as number);
    readAt = started;
  }

  /** One look runs at a time; those who ask meanwhile share the one after it. */
  function look(): Promise<void> {
    if (running)
      return (next ??= running.then(() => {
        next = undefined;
        return look();
      }));
    running = read()
      .catch((err: unknown) =>
        log.error({ err }, 'changes of the gateway could not be read; serving what is known'),
      )
      .finally(() => (running = undefined));
    return running;
  }

  /** What calls wait for while nothing is known of the last second. */
  function wait(): Promise<void> | undefined {
    const looking = running;
    if (!looking || looking === inVain || performance.now() - readAt < FRESH_MS) return undefined;
    return endsWithin(MOST_WAITED_MS, looking).then((hasEnded) => {
      if (!hasEnded) inVain = looking;
      waiting = undefined;
    });
  }

  return {
    versionOf: (tenantId) => versions.get(tenantId) ?? 0,
    ask() {
      const time = performance.now();
      if (waiting || time - askedAt < ASK_MS) return waiting;
      askedAt = time;
      if (listening.heard() || time - lookedAt > LOOK_MS) void look();
      return (waiting = wait());
    },
    look,
    close: () => listening.close(),
  };
}
