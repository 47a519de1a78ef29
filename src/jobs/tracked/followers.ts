import { BASIC, Failure } from '../../api/index.js';
import type { Log } from '../../observe/index.js';
import type { Store } from '../../store/index.js';
import { every, type Repeated } from '../every.js';
import { nameOf, versionsOf } from './leases.js';
import type { JobKey } from './store.js';

/** Event streams of one node, and those of a tenant among them. */
export const MOST_STREAMS = 100;
export const MOST_STREAMS_OF_TENANT = 10;
/** Callers of one node that wait for their job. */
const MOST_WAITING = 100;

/** In milliseconds. */
export interface FollowTimes {
  /** How often the store is asked whether a job that somebody follows has changed. */
  poll: number;
  /** After so long without a change a stream says that it is still there. */
  keepAlive: number;
}

/** Follows jobs for callers of this node, whichever node runs them. */
export interface Followers {
  /**
   * Yields true at first and when the job may have changed, and false when it has not for a while, until `signal` is aborted.
   * @throws Failure 429
   */
  stream(key: JobKey, signal: AbortSignal): AsyncIterable<boolean>;
  /** The same for a caller who waits; undefined where too many do already. */
  waiting(key: JobKey, signal: AbortSignal): AsyncIterable<boolean> | undefined;
  /** Says that this node has changed a job. */
  changed(key: JobKey): void;
  /** Ends all that follow; those who come later end at once. */
  end(): void;
  close(): Promise<void>;
}

interface Watcher {
  key: JobKey;
  isStream: boolean;
  /** What the last poll found; undefined before the first one. */
  version: number | 'deleted' | undefined;
  changed: boolean;
  wake(): void;
}

export function openFollowers(store: Store, log: Log, { poll, keepAlive }: FollowTimes): Followers {
  const watchers = new Set<Watcher>();
  let isOver = false;

  /** One query for all of them, whatever they follow. */
  async function look(): Promise<void> {
    if (watchers.size === 0) return;
    const asked = [...watchers];
    const keys = new Map(asked.map(({ key }) => [nameOf(key), key]));
    const versions = await versionsOf(store.knex, [...keys.values()]);
    for (const watcher of asked) {
      const version = versions.get(nameOf(watcher.key)) ?? 'deleted';
      if (version === watcher.version) continue;
      watcher.version = version;
      notify(watcher);
    }
  }
  const repeated: Repeated = every(poll / 1000, 'followed jobs', log, look);

  function notify(watcher: Watcher): void {
    watcher.changed = true;
    watcher.wake();
  }

  function watch(key: JobKey, isStream: boolean, signal: AbortSignal): AsyncIterable<boolean> {
    const watcher: Watcher = { key, isStream, version: undefined, changed: true, wake: () => undefined };
    watchers.add(watcher);
    // Not at the end of the loop, which never begins where nobody reads.
    const leave = (): void => {
      watchers.delete(watcher);
      watcher.wake();
    };
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    return changesOf(watcher, () => isOver || signal.aborted);
  }

  async function* changesOf(watcher: Watcher, over: () => boolean): AsyncGenerator<boolean> {
    while (!over()) {
      if (!watcher.changed) await nextOf(watcher);
      if (over()) return;
      const { changed } = watcher;
      watcher.changed = false;
      yield changed;
    }
  }

  const nextOf = (watcher: Watcher): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, keepAlive);
      watcher.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const count = (among: (watcher: Watcher) => boolean): number => [...watchers].filter(among).length;

  return {
    stream(key, signal) {
      const ofTenant = count((each) => each.isStream && each.key.tenantId === key.tenantId);
      if (ofTenant >= MOST_STREAMS_OF_TENANT)
        throw tooMany(`${MOST_STREAMS_OF_TENANT} streams of the tenant`);
      if (count((each) => each.isStream) >= MOST_STREAMS) throw tooMany(`${MOST_STREAMS} streams`);
      return watch(key, true, signal);
    },
    waiting: (key, signal) =>
      count((each) => !each.isStream) >= MOST_WAITING ? undefined : watch(key, false, signal),
    changed(key) {
      for (const watcher of watchers)
        if (watcher.key.id === key.id && watcher.key.tenantId === key.tenantId) notify(watcher);
    },
    end() {
      isOver = true;
      for (const watcher of watchers) watcher.wake();
    },
    close: () => repeated.close(),
  };
}

const tooMany = (which: string): Failure =>
  new Failure(429, BASIC.tooManyRequests, {
    message: `${which} of events are open already; close one, or read the job without a stream`,
    headers: { 'Retry-After': '5' },
  });
