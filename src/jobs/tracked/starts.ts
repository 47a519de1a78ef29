import { BASIC, Failure, type StartedWork } from '../../api/index.js';
import type { JobServices } from './queue.js';
import type { Job } from './types.js';

/**
 * What an operation that starts a job declares. Its handler answers the job that it has enqueued. The call then waits for the end of
 * the job, 120 s at most: 200 with the job that is done, the failure of one that failed, 409 for one that was cancelled, else
 * 202 with `Location`. With `Prefer: respond-async` it does not wait.
 * @example
 * defineOperation({
 *   ...at.own('releasesdk', 'POST', '/ReleaseSDK'),
 *   ...startsJob(services),
 *   summary: 'Release an SDK',
 *   authority: { untouched: 'a release gives no permission', confined: 'the API is the caller’s own' },
 *   schemas: { body: RELEASE, answer: JOB },
 *   async handle({ db, actor, body }) {
 *     const { id } = await lockApiResource(db, body.apiId, confinedTo(actor));
 *     return services.jobs.enqueue(db, { kind: 'releaseSdk', apiId: id, input: body });
 *   },
 * })
 */
export const startsJob = (services: JobServices): { starts: StartedWork<Job>; finish(): Promise<void> } => ({
  starts: {
    location: ({ id }) => `/api/Jobs/${id}`,
    async wait({ id }, tenantId, signal) {
      const job = await services.jobs.wait({ tenantId, id }, signal);
      return { answer: job, ended: job.endedAt !== undefined, failure: failureOf(job) };
    },
  },
  finish: async () => services.jobs.wake(),
});

/** What the call answers for a job that did not do what was asked. */
function failureOf({ id, state, failure }: Job): Failure | undefined {
  if (state === 'cancelled')
    return new Failure(409, BASIC.conflict, { message: `the job "${id}" was cancelled` });
  if (!failure) return undefined;
  const { status, code, codeName, message, data } = failure;
  const described = { code, name: codeName, description: { en: message, 'zh-CN': message } };
  return new Failure(status, described, { message, data });
}
