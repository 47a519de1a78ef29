import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * A library that is loaded when it is first used, because many processes never do: it costs memory and time at the start.
 * @template Library its type: `typeof CsvParse`, of `import type * as CsvParse from 'csv-parse'`.
 */
export function whenNeeded<Library>(name: string): () => Library {
  let library: Library | undefined;
  return () => (library ??= require(name) as Library);
}
