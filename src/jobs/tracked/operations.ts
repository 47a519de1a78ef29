import { confinedTo, defineOperation, shapes, type Actor, type AnyOperation } from '../../api/index.js';
import { NotFound } from '../../kernel/errors.js';
import type { TenantDb } from '../../store/index.js';
import type { JobServices } from './queue.js';
import { JOB } from './schemas.js';
import { cancelJob, findJob, type StoredJob } from './store.js';

/** Finds an API resource among those of this owner, or among all of the tenant's. @throws NotFound */
export type RequireApi = (db: TenantDb, id: string, owner?: string) => Promise<unknown>;

const PATH = '/api/Jobs/{id}';
const ACCESS = { kind: 'bearer', area: 'codegen', verb: 'releasesdk' } as const;

interface JobCall {
  db: TenantDb;
  actor: Actor | undefined;
  params: { id: string };
}

/** @throws NotFound, also for a job about an API that the caller does not see */
async function visibleJob({ db, actor, params }: JobCall, requireApi: RequireApi): Promise<StoredJob> {
  const stored = await findJob(db, params.id);
  try {
    await requireApi(db, stored.job.apiId, confinedTo(actor));
  } catch (error) {
    throw error instanceof NotFound ? new NotFound('job', `there is no job "${params.id}"`) : error;
  }
  return stored;
}

const readOperation = (services: JobServices, requireApi: RequireApi): AnyOperation =>
  defineOperation({
    id: 'codegen.job',
    method: 'GET',
    path: PATH,
    access: ACCESS,
    summary: 'Read a job, or follow it by server-sent events',
    schemas: { params: shapes.params, answer: JOB },
    handle: async (call) => (await visibleJob(call, requireApi)).job,
    events: {
      async read(call) {
        const { job, version } = await visibleJob(call, requireApi);
        const last = job.endedAt !== undefined;
        return { event: last ? 'end' : 'progress', id: String(version), data: job, last };
      },
      changes: ({ tenant, params }, signal) =>
        services.jobs.stream({ tenantId: tenant.id, id: params.id }, signal),
    },
  });

const cancelOperation = (services: JobServices, requireApi: RequireApi): AnyOperation =>
  defineOperation({
    id: 'codegen.deletejob',
    method: 'DELETE',
    path: PATH,
    access: ACCESS,
    summary: 'Cancel a job; one that has ended stays as it is',
    authority: {
      untouched: 'a job gives no permission',
      confined: 'the job is about the caller’s own API',
    },
    schemas: { params: shapes.params, answer: JOB },
    async handle(call) {
      await visibleJob(call, requireApi);
      return cancelJob(call.db, call.params.id);
    },
    async finish() {
      services.jobs.wake();
    },
  });

/** The operations about jobs. */
export const jobOperations = (services: JobServices, requireApi: RequireApi): readonly AnyOperation[] => [
  readOperation(services, requireApi),
  cancelOperation(services, requireApi),
];
