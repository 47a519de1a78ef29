import type { Log } from '../observe/index.js';

/** The other side answered, and did not take this one message: it is no sign that it takes no other. */
export class Refused extends Error {
  override name = 'Refused';
}

/** So many failures one after the other, and nothing more is tried for a while. */
const FAILURES = 5;
const FIRST_OPEN_MS = 10_000;
const LONGEST_OPEN_MS = 300_000;
/** Longer than a message waits to be tried again: a lane that nothing failed in for so long has none, or is gone. */
const FORGET_MS = 7_200_000;
const FORGET_EVERY_MS = 60_000;
/** Messages of one lane that are under way at the same time. */
const AT_ONCE = 8;

interface Circuit {
  failures: number;
  /** How often it has opened since something arrived. */
  opened: number;
  /** Epoch milliseconds; nothing is tried before. */
  openUntil: number;
  /** Epoch milliseconds. */
  failedAt: number;
}

/**
 * Circuit breakers, one a lane. One opens when so many messages in a row find a place that does not answer; then one message
 * at a time is tried, each time after a longer while, until one arrives. Each process has its own.
 */
export interface Circuits {
  /** How many messages of a lane may be under way now: none while its circuit is open, one when it is tried again. */
  width(lane: string): number;
  arrived(lane: string): void;
  failed(lane: string, error: Error): void;
  /** How many are open. */
  open(): number;
}

export function openCircuits(log: Log, now: () => number = Date.now): Circuits {
  // Lanes in which everything arrives are not here.
  const circuits = new Map<string, Circuit>();
  let looked = now();
  function forget(): void {
    if (now() < looked + FORGET_EVERY_MS) return;
    looked = now();
    for (const [lane, { failedAt }] of circuits) if (failedAt + FORGET_MS < looked) circuits.delete(lane);
  }
  return {
    width(lane) {
      const circuit = circuits.get(lane);
      if (!circuit || circuit.failures < FAILURES) return AT_ONCE;
      return now() < circuit.openUntil ? 0 : 1;
    },
    arrived(lane) {
      const circuit = circuits.get(lane);
      if (!circuit) return;
      circuits.delete(lane);
      if (circuit.opened > 0) log.info({ lane }, 'messages arrive again; the circuit is closed');
    },
    failed(lane, error) {
      if (error instanceof Refused) return;
      forget();
      const circuit = circuits.get(lane) ?? { failures: 0, opened: 0, openUntil: 0, failedAt: 0 };
      circuits.set(lane, circuit);
      circuit.failures += 1;
      circuit.failedAt = now();
      // Those that were under way when it opened say nothing new.
      if (circuit.failures < FAILURES || now() < circuit.openUntil) return;
      const wait = Math.min(LONGEST_OPEN_MS, FIRST_OPEN_MS * 2 ** circuit.opened);
      circuit.opened += 1;
      circuit.openUntil = now() + wait;
      const { failures } = circuit;
      log.warn(
        { lane, failures, seconds: wait / 1000 },
        'no message arrives; the circuit is open for a while',
      );
    },
    open() {
      forget();
      return [...circuits.values()].filter(({ failures }) => failures >= FAILURES).length;
    },
  };
}
