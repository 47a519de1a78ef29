import { endsWithin } from '../../kernel/ends-within.js';
import { newId } from '../../kernel/ids.js';
import type { Log } from '../../observe/index.js';
import type { Store } from '../../store/index.js';
import { every } from '../every.js';
import { GIVEN_UP } from './ended.js';
import { openLeases, type Candidate, type Standing } from './leases.js';
import { startRun, type AnyJobKind, type Run, type RunTimes } from './run.js';
import { PUBLISHING, type JobKey } from './store.js';

/** In milliseconds. */
export interface WorkTimes extends RunTimes {
  /** How often a node looks for jobs to run, and for its own ones that are cancelled. */
  look: number;
  /** How long a server that stops waits for the work of its jobs. */
  stop: number;
}

export interface WorkerBase {
  store: Store;
  log: Log;
  kinds: readonly AnyJobKind[];
  atOnce?: number;
  times: WorkTimes;
  changed(key: JobKey): void;
}

/** Runs jobs on this node. */
export interface Worker {
  /** Looks once for cancelled jobs and for jobs to run. Never rejects. */
  turn(): Promise<void>;
  close(): Promise<void>;
}

export function openWorker({ store, log, kinds, atOnce = 1, times, changed }: WorkerBase): Worker {
  const kindOf = new Map(kinds.map((kind) => [kind.name, kind]));
  if (kindOf.size === 0) return { turn: async () => undefined, close: async () => undefined };
  const leases = openLeases(store, [...kindOf.keys()]);
  const runs = new Set<Run>();
  /** The tenant whose job was begun last: those behind it come first. */
  let last = '';
  let isClosed = false;

  async function take({ tenantId, id, isOver }: Candidate): Promise<boolean> {
    if (isOver) {
      await leases.giveUp({ tenantId, id }, GIVEN_UP);
      changed({ tenantId, id });
      return true;
    }
    const lease = { tenantId, id, token: newId() };
    if (!(await leases.take(lease, times.lease))) return false;
    const taken = await leases.read(lease);
    const kind = taken && kindOf.get(taken.kind);
    if (!taken || !kind) return true; // deleted since
    last = tenantId;
    const run = startRun({ leases, times, log, changed }, lease, taken, kind);
    runs.add(run);
    changed(lease);
    void run.left.then(() => {
      runs.delete(run);
      void turn();
    });
    return true;
  }

  /** Begins as many jobs as this node may run. */
  async function fill(): Promise<void> {
    while (!isClosed && runs.size < atOnce) {
      const candidates = await leases.candidates(last);
      let isTaken = false;
      for (const candidate of candidates) if (!isClosed && (isTaken = await take(candidate))) break;
      if (!isTaken) return;
    }
  }

  /** Ends the work of jobs that have to end, or that another node has, and keeps the others. */
  async function look(): Promise<void> {
    if (runs.size === 0) return;
    const asked = [...runs];
    const standing = await leases.standing(asked.map(({ lease }) => lease));
    const held = new Map(standing.map((each) => [each.token, each]));
    for (const run of asked) {
      const why = reasonToEnd(held.get(run.lease.token));
      if (why !== undefined) run.abort(why);
      await run.keep();
    }
  }

  async function work(): Promise<void> {
    await look();
    await fill();
  }

  let working: Promise<void> | undefined;
  let again = false;
  /** One turn at a time; a call during a turn makes another one follow. */
  function turn(): Promise<void> {
    again = true;
    return (working ??= (async () => {
      try {
        while (again && !isClosed) {
          again = false;
          await work();
        }
      } catch (err) {
        log.error({ err }, 'looking for jobs failed; it is tried again');
      } finally {
        working = undefined;
      }
    })());
  }

  const repeated = every(times.look / 1000, 'tracked jobs', log, turn);
  return {
    turn,
    async close() {
      isClosed = true;
      await working;
      const keeping = every(times.look / 1000, 'leases of jobs', log, look);
      await repeated.close();
      const open = [...runs];
      for (const run of open) run.abort('stopped');
      await endsWithin(times.stop, Promise.all(open.map(({ left }) => left)));
      await keeping.close();
      await Promise.all(
        [...runs].map((run) =>
          run
            .release()
            .catch((err: unknown) => log.warn({ err }, 'a job is free when its lease has run out')),
        ),
      );
    },
  };
}

function reasonToEnd(standing: Standing | undefined): 'lost' | 'cancelled' | 'disabled' | undefined {
  if (!standing) return 'lost'; // or deleted
  if (standing.cancelled) return 'cancelled';
  return standing.disabled && standing.commitment !== PUBLISHING ? 'disabled' : undefined;
}
