import { outsideRequests } from '../../kernel/outside-requests.js';
import type { Log } from '../../observe/index.js';
import { tenantDb, type Store, type TenantDb } from '../../store/index.js';
import { openFollowers, type Followers, type FollowTimes } from './followers.js';
import type { AnyJobKind } from './run.js';
import { findJob, insertJob, type JobKey, type NewJob } from './store.js';
import type { Job } from './types.js';
import { openWorker, type WorkTimes } from './worker.js';

/** In milliseconds. */
export interface JobTimes extends WorkTimes, FollowTimes {
  /** How long a call that starts a job waits for its end. */
  wait: number;
}

export const TIMES: JobTimes = {
  lease: 30_000,
  renew: 10_000,
  run: 300_000,
  publish: 120_000,
  cancel: 10_000,
  poll: 500,
  keepAlive: 15_000,
  look: 1000,
  stop: 5000,
  wait: 120_000,
};

export interface JobQueueOptions {
  kinds: readonly AnyJobKind[];
  /** How many jobs this node runs at once. */
  atOnce?: number;
  /** For tests. */
  times?: Partial<JobTimes>;
}

export interface JobQueue extends Pick<Followers, 'stream'> {
  /**
   * Adds a job, in the caller's transaction. Lock the API resource first, so that it is not deleted meanwhile, and call `wake` after
   * the commit (`startsJob` does).
   * @throws Failure 429 where too many wait already
   */
  enqueue(db: TenantDb, job: NewJob): Promise<Job>;
  /** Looks for jobs, and for cancelled ones, now instead of within a second. */
  wake(): void;
  /** Waits until a job has ended, `times.wait` has passed, or `signal` is aborted. @returns the job as it is then @throws NotFound */
  wait(key: JobKey, signal: AbortSignal): Promise<Job>;
  /**
   * Ends event streams and calls that wait, at once. Takes no more jobs, aborts those that run, and gives back what does not end in
   * time.
   */
  close(): Promise<void>;
}

export interface JobServices {
  jobs: JobQueue;
}

/** Runs tracked jobs on this node; see index.ts. */
export function openJobQueue(base: { store: Store; log: Log } & JobQueueOptions): JobQueue {
  const { store, log } = base;
  const times = { ...TIMES, ...base.times };
  const followers = openFollowers(store, log, times);
  const worker = openWorker({ ...base, times, changed: (key) => followers.changed(key) });

  async function waitFor(key: JobKey, signal: AbortSignal): Promise<Job> {
    const db = tenantDb(store.knex, key.tenantId);
    const over = new AbortController();
    const stop = (): void => over.abort();
    const late = setTimeout(stop, times.wait);
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const _ of followers.waiting(key, over.signal) ?? []) {
        const { job } = await findJob(db, key.id);
        if (job.endedAt !== undefined) return job;
      }
      return (await findJob(db, key.id)).job;
    } finally {
      clearTimeout(late);
      stop();
    }
  }

  return {
    enqueue: insertJob,
    wake: () => void outsideRequests(worker.turn),
    stream: followers.stream,
    wait: waitFor,
    async close() {
      followers.end();
      await worker.close();
      await followers.close();
    },
  };
}
