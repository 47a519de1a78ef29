/** What one run of a tool may use. */
export interface Limits {
  /** How long it may take, in milliseconds. */
  milliseconds: number;
  /** The heap of the process, in MiB. */
  heapMegabytes: number;
  /** Bytes of all files that it writes. */
  outputBytes: number;
  outputFiles: number;
}

/** Of a tool in a job: a job has a limit of its own (`jobs.minutes`), and ends its tools with it. */
export const JOB_MILLISECONDS = 60 * 60_000;

/** Of a generator that a call waits for. */
export const LIMITS: Limits = {
  milliseconds: 60_000,
  heapMegabytes: 512,
  outputBytes: 50 * 1024 * 1024,
  outputFiles: 20_000,
};
