/** `npm test` asks each thing fewer times than `npm run test:long`, which asks as often as a release needs. */
const LONG = process.env['GATEHOUSE_TESTS'] === 'long';

/** What a test does of a thing in the short run and in the long one: how often it asks at random, or how much it sends. */
export const often = <T>({ short, long }: { short: T; long: T }): T => (LONG ? long : short);

/** Where chance begins: another in each run, and the one that `SEED` names in a run that is repeated. */
export const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
