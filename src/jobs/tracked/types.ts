/** Work that takes long, is kept in the store, and can be followed and cancelled by its caller. */

export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

/** Why a job failed: what its call answers. */
export interface JobFailure {
  /** The HTTP status. */
  status: number;
  code: number;
  codeName: string;
  message: string;
  data?: unknown;
}

export interface Job {
  id: string;
  /** `releaseSdk`, `syncGithub`. */
  kind: string;
  /** The API resource that it is about. Jobs of one API run one after the other, the oldest first. */
  apiId: string;
  state: JobState;
  /** What it does now, in the words of its kind: `publish`. */
  step: string | null;
  /** From 0 to 100; it never falls within one run. */
  percent: number;
  /** The last lines of the tools that it runs, the newest last. Nothing sensitive is in them. */
  lastLines: string[];
  /** Where it is done. */
  result?: Readonly<Record<string, unknown>>;
  /** Where it failed. */
  failure?: JobFailure;
  /** ISO 8601. */
  createdAt: string;
  /** When anything of it was last stored. */
  updatedAt: string;
  endedAt?: string;
}

/** A job while it runs, for its kind. */
export interface RunningJob<Input> {
  id: string;
  tenantId: string;
  apiId: string;
  input: Input;
  /**
   * Aborted when the job is cancelled or takes too long, when its tenant is disabled, when its lease is lost, and when the server
   * stops.
   */
  signal: AbortSignal;
  /**
   * Says what it does now, and stores it.
   * @throws where the job was ended or its lease is lost: nothing may be done after it.
   */
  step(name: string, percent: number): Promise<void>;
  /** Takes a line of a tool. It is shortened, and stored from time to time. */
  line(text: string): void;
  /** What an earlier run of this job has noted, which was broken off; undefined in the first one. */
  readonly note: unknown;
  /** Stores a note, at most 64 KiB of JSON. When it resolves, a later run will find it. @throws as `step` */
  setNote(note: unknown): Promise<void>;
  /**
   * Passes the point of no return: from here on, and in later runs, a caller's DELETE does not cancel the job, and it is not ended
   * where its tenant is disabled. Call it right before something that nothing undoes, such as the publication of a package, where the
   * steps after it have to follow. When its time is over, it has some minutes more for them.
   * @throws as `step`, where the job was cancelled before
   */
  commit(): Promise<void>;
  /**
   * Says that it is done what `commit` was for, and the steps after it need not follow: from here on the job can be ended again. It is
   * then failed, not cancelled, and its failure has what `advice.published` says.
   * @throws as `step`, where the lease is lost
   */
  published(): Promise<void>;
}

/** What a caller reads in the failure of a job that was ended. */
export interface JobAdvice {
  /** Of one that took too long before its point of no return: that nothing was published, and what to change. */
  slow: string;
  /** Of one that was ended after it: what may be there now, and what a new job does about it. */
  published: string;
}

/** A kind of jobs: what is done, and what of its input is stored. Its input is JSON without secrets. */
export interface JobKind<Input, Result extends Readonly<Record<string, unknown>>> {
  name: string;
  advice?: JobAdvice;
  /**
   * Does the work. It may be run again from its beginning with the last note, on this node or another, where a process was killed.
   * @throws Failure, or an error of kernel/errors.ts, for what its caller can change; the job then fails with it. Anything else is
   * logged, and is failure 500.
   */
  run(job: RunningJob<Input>): Promise<Result>;
}
