export { Refused } from './circuits.js';
export { every, type Repeated } from './every.js';
export {
  openMessage,
  openOutbox,
  OUTBOX_SEALED_COLUMNS,
  OutcomeUnknown,
  queueMessage,
  queueMessages,
  queueSealed,
  waitAfter,
  type Deliver,
  type Message,
  type Outbox,
  type Route,
} from './outbox.js';
export { BATCH, openSweeper, type Sweeper } from './sweeper.js';
export {
  JOB,
  openJobQueue,
  RunEnded,
  startsJob,
  type AnyJobKind,
  type Job,
  type JobFailure,
  type JobKind,
  type JobQueue,
  type JobQueueOptions,
  type JobServices,
  type RunningJob,
} from './tracked/index.js';
