import { BASIC, type Code } from '../../api/index.js';
import type { RunEnded } from './hold.js';
import type { Ending } from './leases.js';
import type { JobAdvice, JobFailure } from './types.js';

/** How jobs end that something else than their own work has ended. */

/** Reasons for which a run ends its job, and not only itself. */
export type FinalReason = Exclude<RunEnded['why'], 'lost' | 'stopped'>;

export const isFinal = (why: RunEnded['why'] | undefined): why is FinalReason =>
  why === 'cancelled' || why === 'late' || why === 'disabled';

export const failureWith = (status: number, { code, name }: Code, message: string): JobFailure => ({
  status,
  code,
  codeName: name,
  message,
});

/** Why a job is given up that was begun too often, or whose server ended while it was cancelled. */
export const GIVEN_UP = failureWith(
  500,
  BASIC.failed,
  'the server ended before the job did; start a new one',
);

interface EndedRun {
  advice: JobAdvice | undefined;
  /** Whether it has passed its point of no return. */
  isCommitted: boolean;
  /** Milliseconds that a run may take. */
  limit: number;
}

/** How the job of a run ends. What it has published stays, so its failure does not deny that. */
export function endingFor(why: FinalReason, { advice, isCommitted, limit }: EndedRun): Ending {
  const failure = (status: number, code: Code, said: string, next: string | undefined): string =>
    JSON.stringify(failureWith(status, code, next === undefined ? said : `${said} ${next}`));
  const { slow, published } = advice ?? {};
  switch (why) {
    case 'late': {
      const minutes = limit / 60_000;
      const said = `The job took longer than ${minutes} minute${minutes === 1 ? '' : 's'}.`;
      return {
        state: 'failed',
        failure: failure(503, BASIC.unavailable, said, isCommitted ? published : slow),
      };
    }
    case 'disabled': {
      const said = 'The tenant is disabled.';
      return {
        state: 'failed',
        failure: failure(409, BASIC.conflict, said, isCommitted ? published : undefined),
      };
    }
    case 'cancelled': {
      const said = 'The job was cancelled after its point of no return.';
      return { state: 'cancelled', failure: failure(409, BASIC.conflict, said, published) };
    }
  }
}
