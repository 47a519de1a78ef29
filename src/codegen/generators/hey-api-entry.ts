import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { UserConfig } from '@hey-api/openapi-ts';
import { parse } from '../../kernel/json.js';
import { answerOrder } from '../process/entry.js';
import type { OpenApi } from '../types.js';
import { culpritIn, type Fails } from './culprit.js';
import { CULPRIT, type HeyApiOrder } from './hey-api.js';
import { withPlainNames } from './plain-names.js';
import { withoutForeignReferences } from './references.js';

/**
 * The child process that runs `@hey-api/openapi-ts` once. It loads the library before the order comes, so that a child that was
 * started ahead has it ready.
 */
const { createClient } = await import('@hey-api/openapi-ts');

/** What makes the types of a request and an answer differ. */
const READ_WRITE = /"(?:readOnly|writeOnly)":/;

await answerOrder<HeyApiOrder>(async (order) => {
  const until = performance.now() + order.searchMilliseconds;
  const text = await readFile('document.json', 'utf8');
  // The library changes what it is given, so it is parsed again for each use.
  const document = (): OpenApi => withPlainNames(withoutForeignReferences(parse<OpenApi>(text)));
  const configOf = (part: OpenApi): UserConfig => configFor(order, part, READ_WRITE.test(text));
  try {
    await createClient(configOf(document()));
  } catch (error) {
    const culprit = await culpritIn(document(), failsWith(configOf), until);
    if (culprit !== undefined) await writeFile(join('out', CULPRIT), culprit);
    throw innermost(error);
  }
});

function failsWith(configOf: (part: OpenApi) => UserConfig): Fails {
  const silent = { dryRun: true, logs: { level: 'silent', file: false } } as const;
  return (part) =>
    createClient({ ...configOf(part), ...silent }).then(
      () => false,
      () => true,
    );
}

/** The library wraps what went wrong, and leaves its message out. */
function innermost(error: unknown): unknown {
  const { originalError, error: inner = originalError } = error as {
    originalError?: unknown;
    error?: unknown;
  };
  return inner === undefined ? error : innermost(inner);
}

function configFor({ client, options }: HeyApiOrder, document: OpenApi, hasReadWrite: boolean): UserConfig {
  const { operations, parameters, enums, dates, comments, throwOnError } = options;
  return {
    input: document,
    // With the extension the code compiles with NodeNext as well as for bundlers.
    output: { path: 'out', clean: false, module: { extension: '.js' }, tsConfigPath: null },
    configFile: '',
    interactive: false,
    // It takes an eighth of the time even where there is nothing to split.
    parser: { transforms: { readWrite: hasReadWrite } },
    logs: { level: 'warn', file: false },
    plugins: [
      client === 'angular'
        ? '@hey-api/client-angular'
        : { name: `@hey-api/client-${client}`, throwOnError: throwOnError ?? false },
      { name: '@hey-api/typescript', enums: enums === 'none' ? false : enums, comments },
      ...(dates ? [{ name: '@hey-api/transformers' as const, dates: true }] : []),
      {
        name: '@hey-api/sdk',
        operations: { strategy: operations },
        paramsStructure: parameters,
        comments,
        transformer: dates,
      },
    ],
  };
}
