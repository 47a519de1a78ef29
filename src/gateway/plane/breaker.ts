import { LRUCache } from 'lru-cache';
import { steadyNow } from '../../kernel/clock.js';

/** Whether a request may go to the backend, and how it ended. */
export interface Breaker {
  /**
   * Milliseconds until a try is allowed again; 0 where the request may go now. A trial is the only one until it has ended, or has
   * taken as long as the circuit stays open: a caller that sends its body slowly must not keep all others out.
   */
  enter(): number;
  succeeded(): void;
  failed(): void;
  /** The request was given up before anything could be said of the backend. */
  abandoned(): void;
}

export interface Breakers {
  /** @param name the same for all requests that are counted together. */
  get(name: string, policy: { failures: number; openSeconds: number }): Breaker;
}

interface Circuit {
  /** Faults in a row. */
  failures: number;
  /** When it opened, in milliseconds of the steady clock; undefined while it is closed. */
  openedAt: number | undefined;
  /** When the trial began that runs now. */
  trialAt: number | undefined;
}

const MOST_CIRCUITS = 20_000;

/** Circuit breakers by name: of each revision, and of operations that have a policy of their own. */
export function openBreakers(now: () => number = steadyNow): Breakers {
  const circuits = new LRUCache<string, Circuit>({ max: MOST_CIRCUITS });
  return {
    get(name, { failures, openSeconds }) {
      let circuit = circuits.get(name);
      if (!circuit) circuits.set(name, (circuit = { failures: 0, openedAt: undefined, trialAt: undefined }));
      return breakerOf(circuit, failures, openSeconds * 1000, now);
    },
  };
}

function breakerOf(circuit: Circuit, most: number, openMs: number, now: () => number): Breaker {
  let isTrial = false;
  const open = (): void => {
    circuit.openedAt = now();
    circuit.trialAt = undefined;
  };
  return {
    enter() {
      if (circuit.openedAt === undefined) return 0;
      const time = now();
      const left = circuit.openedAt + openMs - time;
      if (left > 0) return left;
      // The length of the trial is not known: calls that are refused meanwhile may retry after a second.
      if (circuit.trialAt !== undefined && time < circuit.trialAt + openMs) return 1000;
      circuit.trialAt = time;
      isTrial = true;
      return 0;
    },
    succeeded() {
      // An answer to a request that was under way when the circuit opened does not close it: only a trial does.
      if (circuit.openedAt !== undefined && !isTrial) return;
      Object.assign(circuit, { failures: 0, openedAt: undefined, trialAt: undefined });
      isTrial = false;
    },
    failed() {
      if (isTrial) {
        isTrial = false;
        return open();
      }
      circuit.failures += 1;
      if (circuit.openedAt === undefined && circuit.failures >= most) open();
    },
    abandoned() {
      if (isTrial) circuit.trialAt = undefined;
      isTrial = false;
    },
  };
}
