/** How much one file may cost. Real files stay far below. */
export interface WorkLimits {
  /** Calls to the file system. */
  reads: number;
  /** Bytes that are read; the same byte may be read twice. */
  bytes: number;
  /** Parts of the file's structure: segments, chunks. */
  parts: number;
  /** Runs in which a JPEG is drawn. */
  scans: number;
}

const MIB = 1024 * 1024;

/** A progressive JPEG has about 10 scans; a PNG of 10 MiB has 1,300 chunks as libpng writes it. */
export const WORK_LIMITS: Readonly<WorkLimits> = { reads: 8192, bytes: 64 * MIB, parts: 16_384, scans: 256 };

/** The file costs more to read than any real one. */
export class TooMuchWork extends Error {
  override name = 'TooMuchWork';
}

/**
 * What has been done for one file, so that a small file can not ask for much work, and nothing goes on for a caller who has
 * left.
 */
export class Work {
  readonly done: WorkLimits = { reads: 0, bytes: 0, parts: 0, scans: 0 };

  constructor(readonly signal?: AbortSignal) {}

  /** Before bytes are read. @throws TooMuchWork, or the signal's reason */
  read(bytes: number): void {
    this.signal?.throwIfAborted();
    this.#count('reads', 1);
    this.#count('bytes', bytes);
  }

  /** @throws TooMuchWork */
  part(): void {
    this.#count('parts', 1);
  }

  /** @throws TooMuchWork */
  scan(): void {
    this.#count('scans', 1);
  }

  #count(what: keyof WorkLimits, more: number): void {
    this.done[what] += more;
    if (this.done[what] > WORK_LIMITS[what]) throw new TooMuchWork(`more than ${WORK_LIMITS[what]} ${what}`);
  }
}
