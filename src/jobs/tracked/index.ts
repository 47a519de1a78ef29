/**
 * Tracked jobs: work that takes long, is kept in the store, and can be followed and cancelled by its caller (`/api/Jobs/{id}`).
 *
 * `JobKind` (`types.ts`) is what a module adds; `openJobQueue` runs the kinds of a node, jobs of one API one after the other over all
 * nodes; an operation that starts a job enqueues it in its transaction and declares `startsJob`. `leases.ts` has the statements of a
 * node that runs jobs, `followers.ts` those that follow them.
 *
 * Never: a secret in the input, the notes, the lines, the result or the failure of a job; a change of a job that runs by a node without
 * its lease; an open transaction while a call waits.
 */
export { RunEnded } from './hold.js';
export { openJobQueue, type JobQueue, type JobQueueOptions, type JobServices } from './queue.js';
export type { AnyJobKind } from './run.js';
export { JOB } from './schemas.js';
export { startsJob } from './starts.js';
export type { Job, JobFailure, JobKind, RunningJob } from './types.js';
