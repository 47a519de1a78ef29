import type Database from 'better-sqlite3';
import type { Knex } from 'knex';
import type { Report } from './report.js';

const CHECKPOINT_FAILED = 'a checkpoint has failed; the write-ahead log grows until one succeeds';

/** Pages of the write-ahead log that wait for their checkpoint; as many as SQLite takes by itself. */
const PAGES_THAT_WAIT = 1000;
/** From so many on the log must begin again from its start, which takes a moment without writes. */
const PAGES_OF_A_LONG_LOG = 4 * PAGES_THAT_WAIT;

interface Log {
  /** Pages in the log. */
  log: number;
  /** Those of them that are in the file. */
  checkpointed: number;
}

function logOf(connection: Database.Database): Log {
  try {
    return connection.prepare('PRAGMA wal_checkpoint(NOOP)').get() as Log;
  } catch {
    return { log: 0, checkpointed: 0 }; // what was committed stays so; the next commit looks again
  }
}

/**
 * Copies the write-ahead log into the file, in the thread. SQLite would do it at the end of a commit: the copy of a large
 * transaction, and a sync of the disk, in which this thread does nothing else.
 */
export class Checkpoints {
  #running: Promise<void> | undefined;

  /**
   * @param far knex in the thread.
   * @param holdingWrites runs work while nothing of this process writes.
   * @param report is told of checkpoints that fail.
   */
  constructor(
    readonly far: () => Knex,
    readonly holdingWrites: (work: () => Promise<void>) => Promise<void>,
    readonly report: Report,
  ) {}

  /** Begins a checkpoint where enough waits for one. */
  committed(connection: Database.Database): void {
    if (this.#running) return;
    const { log, checkpointed } = logOf(connection);
    if (log - checkpointed < PAGES_THAT_WAIT) return;
    this.#running = this.#run(log >= PAGES_OF_A_LONG_LOG)
      // The log keeps what is committed, and the next commit asks again.
      .catch((error: unknown) => this.report(CHECKPOINT_FAILED, error))
      .finally(() => (this.#running = undefined));
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(long: boolean): Promise<void> {
    await this.#checkpoint();
    // While others write, something is always left, and SQLite never begins the log again.
    if (long) await this.holdingWrites(() => this.#checkpoint());
  }

  async #checkpoint(): Promise<void> {
    await this.far().raw('PRAGMA wal_checkpoint(PASSIVE)');
  }
}
