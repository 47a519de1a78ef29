/** `npm test` asks each thing fewer times than `npm run test:long`, which asks as often as a release needs. */
const LONG = process.env['GATEHOUSE_TESTS'] === 'long';

/** How often a test asks at random: so often in the short run, and so often in the long one. */
export const often = ({ short, long }: { short: number; long: number }): number => (LONG ? long : short);

/** Where chance begins: another in each run, and the one that `SEED` names in a run that is repeated. */
export const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
