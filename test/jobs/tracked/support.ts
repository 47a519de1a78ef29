import pino from 'pino';
import { insertApiResource, newApiResource } from '../../../src/api-resources/index.js';
import { openJobQueue, type AnyJobKind, type JobQueue, type RunningJob } from '../../../src/jobs/index.js';
import { findJob } from '../../../src/jobs/tracked/store.js';
import type { JobTimes } from '../../../src/jobs/tracked/queue.js';
import { tenantDb, tenantTransaction, type Store } from '../../../src/store/index.js';
import type { Job } from '../../../src/jobs/index.js';
import { until } from '../../support/raw.js';

const silent = pino({ level: 'silent' });

/** Looks often, so that tests need not wait. */
export const OFTEN: Partial<JobTimes> = { look: 20, poll: 20 };

type Work = (job: RunningJob<{ name: string }>) => Promise<Record<string, unknown>>;

/** A kind of jobs whose work a test ends when it wants to. */
export class Steered {
  /** Names of the jobs in the order in which their runs began. */
  readonly began: string[] = [];
  readonly #runs = new Map<string, { job: RunningJob<{ name: string }>; end: (work: Work) => void }>();

  readonly kind: AnyJobKind = {
    name: 'steered',
    run: async (job) => {
      const steered = job as RunningJob<{ name: string }>;
      const { name } = steered.input;
      const work = new Promise<Work>((resolve) => this.#runs.set(name, { job: steered, end: resolve }));
      this.began.push(name);
      // As a tool that is killed, unless the test has said what the job does about it.
      const aborted = new Promise<Work>((resolve) =>
        job.signal.addEventListener('abort', () => resolve(() => Promise.reject(new Error('killed')))),
      );
      return (await (this.ignoresSignal ? work : Promise.race([work, aborted])))(steered);
    },
  };

  constructor(readonly ignoresSignal = false) {}

  /** The job, once it runs; the newest run of it. */
  async running(name: string, runs = 1): Promise<RunningJob<{ name: string }>> {
    await until(() => this.began.filter((each) => each === name).length >= runs);
    return (this.#runs.get(name) as { job: RunningJob<{ name: string }> }).job;
  }

  async end(name: string, work: Work = async () => ({ by: name })): Promise<void> {
    await this.running(name);
    this.#runs.get(name)?.end(work);
  }
}

let apis = 0;

export const newApi = (store: Store, tenantId: string): Promise<string> =>
  tenantTransaction(store, tenantId, (db) => insertApiResource(db, newApiResource(`jobs-${++apis}`, [])));

/** A node's queue over a store that others use as well. */
export const openQueue = (
  store: Store,
  kinds: readonly AnyJobKind[],
  { atOnce = 1, log = silent, ...times }: Partial<JobTimes> & { atOnce?: number; log?: typeof silent } = {},
): JobQueue => openJobQueue({ store, log, kinds, atOnce, times: { ...OFTEN, ...times } });

export const add = (
  store: Store,
  queue: Pick<JobQueue, 'enqueue'>,
  tenantId: string,
  apiId: string,
  name: string,
): Promise<Job> =>
  tenantTransaction(store, tenantId, (db) => queue.enqueue(db, { kind: 'steered', apiId, input: { name } }));

export const jobOf = async (store: Store, tenantId: string, id: string): Promise<Job> =>
  (await findJob(tenantDb(store.knex, tenantId), id)).job;

/** The job, once it is so. */
export async function jobWhen(
  store: Store,
  tenantId: string,
  id: string,
  isSo: (job: Job) => boolean = ({ endedAt }) => endedAt !== undefined,
): Promise<Job> {
  let job = await jobOf(store, tenantId, id);
  await until(async () => isSo((job = await jobOf(store, tenantId, id))));
  return job;
}
