import type { Log } from '../observe/index.js';

/** Work that comes again and again. */
export interface Repeated {
  /** Takes no new turn, and waits for the one that runs. */
  close(): Promise<void>;
}

/**
 * Does `work` every so many seconds, one turn at a time; a turn that is still running when the next is due goes on instead.
 * One that fails is logged, and tried again at the next.
 */
export function every(seconds: number, name: string, log: Log, work: () => Promise<unknown>): Repeated {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= work()
      .catch((err: unknown) => log.error({ err, job: name }, 'a job failed; it is tried again'))
      .then(() => {
        running = undefined;
      });
  }, seconds * 1000);
  timer.unref();
  return {
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}
