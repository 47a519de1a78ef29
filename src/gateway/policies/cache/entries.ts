import { LRUCache } from 'lru-cache';
import type CachePolicy from 'http-cache-semantics';

/** A kept answer. */
export interface Entry {
  headers: readonly (readonly [name: string, value: string])[];
  body: Buffer;
  policy: CachePolicy;
  /** The request headers that it depends on, with their values. */
  vary: readonly (readonly [name: string, value: string | undefined])[];
  /** When the backend last gave or confirmed it, in milliseconds. */
  at: number;
}

/** Where an answer is kept: its address, and for whom. */
export interface Place {
  address: string;
  /** '' for all callers. */
  caller: string;
}

const MOST_VARIANTS = 8;
const MOST_INVALIDATIONS = 10_000;
/** What an answer costs besides its body. */
const OF_AN_ENTRY = 600;

const bytesOf = ({ headers, body, vary }: Entry): number =>
  OF_AN_ENTRY +
  body.length +
  [...headers, ...vary].reduce((sum, [name, value = '']) => sum + name.length + value.length, 0);

const keyOf = ({ address, caller }: Place): string => `${caller}\n${address}`;

/** Kept answers, within a number of bytes. What was not used for the longest time goes first. */
export class Entries {
  readonly #lists: LRUCache<string, { place: Place; entries: readonly Entry[] }>;
  /** The keys of an address, so that all its answers can be dropped. */
  readonly #byAddress = new Map<string, Set<string>>();
  /** When addresses were last changed; `#floor` is the latest of those that are no longer known. */
  readonly #changes: LRUCache<string, number>;
  #floor = 0;
  #turn = 0;

  constructor(maxBytes: number) {
    this.#lists = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: ({ entries }) => entries.reduce((sum, entry) => sum + bytesOf(entry), 1),
      dispose: ({ place }, key, reason) => {
        if (reason !== 'set') this.#forget(place.address, key);
      },
    });
    this.#changes = new LRUCache({
      max: MOST_INVALIDATIONS,
      dispose: (turn, _, reason) => {
        if (reason === 'evict') this.#floor = Math.max(this.#floor, turn);
      },
    });
  }

  /** The answers to a request, by the headers that they depend on. */
  find(place: Place, headers: Readonly<Record<string, unknown>>): Entry | undefined {
    return this.#lists.get(keyOf(place))?.entries.find((entry) => fits(entry, headers));
  }

  /** A mark of this moment, for `put`. */
  get now(): number {
    return this.#turn;
  }

  /** Keeps an answer, in place of the one for the same request; not where its address was changed since the mark. */
  put(place: Place, entry: Entry, since: number): void {
    if (Math.max(this.#changes.get(place.address) ?? 0, this.#floor) > since) return;
    const key = keyOf(place);
    const headers = Object.fromEntries(entry.vary);
    const others = (this.#lists.get(key)?.entries ?? []).filter((other) => !fits(other, headers));
    const keys = this.#byAddress.get(place.address) ?? new Set();
    this.#byAddress.set(place.address, keys.add(key));
    this.#lists.set(key, { place, entries: [entry, ...others].slice(0, MOST_VARIANTS) });
    if (!this.#lists.has(key)) this.#forget(place.address, key);
  }

  /** Drops all answers of an address, and those that are on their way. */
  invalidate(address: string): void {
    this.#changes.set(address, (this.#turn += 1));
    for (const key of [...(this.#byAddress.get(address) ?? [])]) this.#lists.delete(key);
  }

  #forget(address: string, key: string): void {
    const keys = this.#byAddress.get(address);
    keys?.delete(key);
    if (keys?.size === 0) this.#byAddress.delete(address);
  }
}

const fits = ({ vary }: Entry, headers: Readonly<Record<string, unknown>>): boolean =>
  vary.every(([name, value]) => headers[name] === value);
