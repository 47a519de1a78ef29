import type { StoreKind } from './config.js';

/** `npm test` asks each thing fewer times than `npm run test:long`, which asks as often as a release needs. */
const LONG = process.env['GATEHOUSE_TESTS'] === 'long';

/** What a test does of a thing in the short run and in the long one: how often it asks at random, or how much it sends. */
export const often = <T>({ short, long }: { short: T; long: T }): T => (LONG ? long : short);

/** Where chance begins, in all processes of a run: another each time, or the one that `SEED` names where a run is repeated. */
export const SEED = Number((process.env['SEED'] ??= String(Date.now() % 1_000_000)));

/** Where chance begins on a store: what one of them is asked, the other is not. */
export const seedFor = (kind: StoreKind): number => (kind === 'sqlite' ? SEED : SEED + 1);

/**
 * A third of the kinds of input in the short run, and all of them in the long one: where each of many things is tried with each
 * kind, another third for each thing and each run.
 * @param at which of the things it is.
 * @param part a third, or a smaller part.
 */
export const someOf = <T>(kinds: readonly T[], at: number, part = 3): readonly T[] =>
  LONG ? kinds : kinds.filter((_, kind) => (kind + at + SEED) % part === 0);

/** One of the kinds in the short run, as `someOf`: for each thing and each run another. */
export const oneOf = <T>(kinds: readonly T[], at: number): readonly T[] => someOf(kinds, at, kinds.length);

/** For `at`, where a thing is tried on each store: what one of them is asked, the other is not. */
export const placeOf = (kind: StoreKind): number => (kind === 'sqlite' ? 0 : 1);
