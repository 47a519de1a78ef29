import { BASIC, Failure, failureOf } from '../../api/index.js';
import { ProductError } from '../../kernel/errors.js';
import { parse } from '../../kernel/json.js';
import type { Log } from '../../observe/index.js';
import { endingFor, failureWith, isFinal, type FinalReason } from './ended.js';
import { holdJob, RunEnded, type Hold, type HoldTimes } from './hold.js';
import type { Ending, Lease, Leases, Taken } from './leases.js';
import { openLines, plainLine, type Lines } from './lines.js';
import { PUBLISHED, PUBLISHING, type Commitment } from './store.js';
import type { JobFailure, JobKind, RunningJob } from './types.js';

/** In milliseconds. */
export interface RunTimes extends HoldTimes {
  /** How long a run may take. */
  run: number;
  /** How much longer one may take that has passed its point of no return: so much is lost where it is broken off. */
  publish: number;
  /** How long the work has for its end once it is ended. */
  cancel: number;
}

export type AnyJobKind = JobKind<unknown, Readonly<Record<string, unknown>>>;

/** A job that this node runs. */
export interface Run extends Pick<Hold, 'lease' | 'left'> {
  /** Renews the lease and stores new lines, where it is time. */
  keep(): Promise<void>;
  abort(why: RunEnded['why']): void;
  /** Gives the job to another node now, whether or not the work has ended. One that is to end ends. */
  release(): Promise<void>;
}

export interface RunBase {
  leases: Leases;
  times: RunTimes;
  log: Log;
  /** Called when the job was changed in the store. */
  changed(lease: Lease): void;
}

const MOST_BYTES = 64 * 1024;
const LONGEST_STEP = 100;
const LONGEST_MESSAGE = 8000;
const RETRY_MS = 1000;

/** How far the job has gone, as this run knows it. */
interface Progress {
  commitment: Commitment;
}

/** Runs a job whose lease was just taken. */
export function startRun(base: RunBase, lease: Lease, taken: Taken, kind: AnyJobKind): Run {
  const { leases, times, log } = base;
  log.info({ job: lease.id, kind: kind.name }, 'a job begins');
  const hold = holdJob(leases, lease, times);
  const lines = openLines(parse<string[]>(taken.lastLines));
  const progress: Progress = { commitment: taken.commitment };
  const job = runningJob(base, hold, lines, taken, progress);
  const endedBy = (why: FinalReason): Ending =>
    endingFor(why, { advice: kind.advice, isCommitted: progress.commitment !== 0, limit: times.run });
  const { finish, release } = endings(base, hold, lines, endedBy);
  let ending: NodeJS.Timeout | undefined;

  async function perform(): Promise<void> {
    const own = await endingOf(kind, job, log);
    const why = hold.why();
    if (own.state === 'done') await finish(own);
    else if (why === 'stopped') await release();
    else await finish(isFinal(why) ? endedBy(why) : own);
  }

  function abort(why: RunEnded['why']): void {
    hold.abort(why);
    // Work that ignores the signal goes on, but the job is ended, and nothing more is stored of it.
    if (isFinal(why) && !hold.isLeft())
      ending ??= setTimeout(() => void finish(endedBy(why)), times.cancel).unref();
  }

  let late = setTimeout(() => {
    if (progress.commitment !== PUBLISHING) return abort('late');
    late = setTimeout(() => abort('late'), times.publish).unref();
  }, times.run).unref();

  void perform().catch((err: unknown) => {
    log.error({ err, job: lease.id }, 'the end of a job could not be stored; it is run again');
    hold.leave();
  });
  void hold.left.then(() => {
    clearTimeout(late);
    clearTimeout(ending);
  });
  return {
    lease,
    left: hold.left,
    release,
    abort,
    async keep() {
      await hold.keep();
      if (!hold.isLeft() && lines.changed() && (await leases.lines(lease, lines.toJson())))
        base.changed(lease);
    },
  };
}

/** The job as its kind sees it. */
function runningJob(
  { leases, changed }: RunBase,
  hold: Hold,
  lines: Lines,
  { apiId, input, note }: Taken,
  progress: Progress,
): RunningJob<unknown> {
  const { lease, signal } = hold;
  /** What is past the point of no return goes on for as long as a server that stops waits for it. */
  async function write(change: () => Promise<boolean>): Promise<void> {
    const why = hold.why() ?? (hold.isLeft() ? 'lost' : undefined);
    if (why !== undefined && !(progress.commitment !== 0 && why === 'stopped')) throw new RunEnded(why);
    await hold.write(change);
    changed(lease);
  }
  async function commitTo(commitment: Commitment, change: () => Promise<boolean>): Promise<void> {
    await write(change);
    // The run can end while the store is asked. Nothing was begun then.
    const why = hold.why();
    if (why !== undefined && why !== 'stopped') throw new RunEnded(why);
    progress.commitment = commitment;
  }
  return {
    id: lease.id,
    tenantId: lease.tenantId,
    apiId,
    input: parse(input),
    note: note === null ? undefined : parse(note),
    signal,
    async step(name, percent) {
      const whole = Math.round(Math.min(100, Math.max(0, percent)));
      await write(() => leases.step(lease, plainLine(name, LONGEST_STEP), whole, lines.toJson()));
    },
    line: (text) => lines.add(text),
    async setNote(value) {
      const text = JSON.stringify(value ?? null);
      if (text.length > MOST_BYTES) throw new RangeError('the note of a job is too large');
      await write(() => leases.note(lease, text));
    },
    commit: () => commitTo(PUBLISHING, () => leases.commit(lease)),
    published: () => commitTo(PUBLISHED, () => leases.publish(lease)),
  };
}

/** How a run of this node ends: the job has ended, or goes back to the queue. */
function endings(
  { leases, log, changed }: RunBase,
  hold: Hold,
  lines: Lines,
  endedBy: (why: FinalReason) => Ending,
) {
  const { lease } = hold;
  let finishing: Promise<void> | undefined;

  /** Stores how the job ended, as long as this node holds it. */
  async function store(ending: Ending): Promise<void> {
    while (!hold.isLeft()) {
      try {
        if (await leases.end(lease, ending, lines.toJson())) {
          changed(lease);
          log.info({ job: lease.id, state: ending.state }, 'a job has ended');
        } else log.warn({ job: lease.id }, 'a job ended after its lease was lost');
        return hold.leave();
      } catch (err) {
        log.warn({ err, job: lease.id }, 'the end of a job could not be stored; it is tried again');
        await Promise.race([hold.left, wait(RETRY_MS)]);
      }
    }
  }

  function finish(ending: Ending): Promise<void> {
    hold.endWork();
    return (finishing ??= store(ending));
  }

  return {
    finish,
    async release(): Promise<void> {
      if (finishing || hold.isLeft()) return finishing;
      const why = hold.why();
      if (isFinal(why)) return finish(endedBy(why));
      const isBack = await leases.release(lease);
      if (!isBack) await leases.end(lease, endedBy('cancelled'), lines.toJson());
      changed(lease);
      hold.leave();
    },
  };
}

const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds).unref());

/** What is stored of a failure of the server's own. */
const UNEXPECTED = failureWith(500, BASIC.failed, BASIC.failed.description.en);

async function endingOf(kind: AnyJobKind, job: RunningJob<unknown>, log: Log): Promise<Ending> {
  try {
    const result = JSON.stringify(await kind.run(job));
    if (result.length > MOST_BYTES) throw new Error(`the result of a job of ${kind.name} is too large`);
    return { state: 'done', result };
  } catch (err) {
    // Only these have words for callers. Errors of libraries can have a status as well.
    const failure = err instanceof Failure || err instanceof ProductError ? failureOf(err) : undefined;
    if (failure) return { state: 'failed', failure: JSON.stringify(stored(failure)) };
    if (!job.signal.aborted) log.error({ err, job: job.id, kind: kind.name }, 'a job failed');
    return { state: 'failed', failure: JSON.stringify(UNEXPECTED) };
  }
}

function stored({ status, code, message, data }: Failure): JobFailure {
  const failure: JobFailure = {
    status,
    code: code.code,
    codeName: code.name,
    message: (message || code.description.en).slice(0, LONGEST_MESSAGE),
  };
  const fits = data !== null && data !== undefined && JSON.stringify(data).length <= MOST_BYTES;
  return fits ? { ...failure, data } : failure;
}
