import { LRUCache } from 'lru-cache';
import type { Soon } from '../../kernel/soon.js';
import type { Listening } from '../../store/index.js';

/**
 * How long an answer of the store is used again. A revocation has to be effective within a second on every node; what the
 * store announces ends answers at once.
 */
export const FRESH_MS = 250;

/** Answers that nothing was found are kept apart, so that invented keys and tokens do not drive the others out. */
const MOST_EMPTY = 1000;

/** Counts the changes that the store has announced. */
export interface Changes {
  count(): number;
}

export function countChanges(listening: Pick<Listening, 'heard'>): Changes {
  let changes = 0;
  return {
    count() {
      if (listening.heard()) changes += 1;
      return changes;
    },
  };
}

interface Answer<T> {
  value: T;
  askedAt: number;
  /** The changes that had been announced when it was asked for. */
  changes: number;
}

/** Answers of the store that are used again for a moment, a bounded number of them. */
export class FreshAnswers<T> {
  readonly #found: LRUCache<string, Answer<T>>;
  readonly #empty = new LRUCache<string, Answer<undefined>>({
    maxSize: MOST_EMPTY,
    sizeCalculation: () => 1,
  });
  readonly #asking = new Map<string, { changes: number; answer: Promise<T | undefined> }>();

  constructor(
    most: number,
    readonly changes: Changes,
    readonly now: () => number = () => performance.now(),
  ) {
    this.#found = new LRUCache({ maxSize: most, sizeCalculation: () => 1 });
  }

  /**
   * The answer that is known, where it is fresh; else what `ask` finds, once for all who ask meanwhile.
   * @param ask gets the last answer, which may be stale, for the parts of it that cannot change.
   */
  get(key: string, ask: (last: T | undefined) => Promise<T | undefined>): Soon<T | undefined> {
    const changes = this.changes.count();
    const now = this.now();
    const last = this.#found.get(key);
    const known = last ?? this.#empty.get(key);
    if (known?.changes === changes && now - known.askedAt < FRESH_MS) return known.value;
    const asked = this.#asking.get(key);
    if (asked?.changes === changes) return asked.answer;
    const answer = ask(last?.value).then(
      (value) => {
        this.#keep(key, value, now, changes);
        if (this.#asking.get(key)?.answer === answer) this.#asking.delete(key);
        return value;
      },
      (error: unknown) => {
        if (this.#asking.get(key)?.answer === answer) this.#asking.delete(key);
        throw error;
      },
    );
    this.#asking.set(key, { changes, answer });
    return answer;
  }

  #keep(key: string, value: T | undefined, askedAt: number, changes: number): void {
    if (value === undefined) {
      this.#found.delete(key);
      this.#empty.set(key, { value: undefined, askedAt, changes });
    } else {
      this.#empty.delete(key);
      this.#found.set(key, { value, askedAt, changes });
    }
  }
}
