import { createRequire } from 'node:module';
import { once } from './once.js';

const require = createRequire(import.meta.url);

/**
 * A library that is loaded when it is first used, because many processes never do: it costs memory and time at the start.
 * @template Library its type: `typeof CsvParse`, of `import type * as CsvParse from 'csv-parse'`.
 */
export const whenNeeded = <Library>(name: string): (() => Library) => once(() => require(name) as Library);
