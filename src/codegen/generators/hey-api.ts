import type { Generator, GeneratorOption } from '../types.js';

/** The TypeScript clients of `@hey-api/openapi-ts`, as the catalogue shows them. */

const COMMON = {
  operations: {
    type: 'string',
    default: 'flat',
    enum: ['flat', 'byTags', 'single'],
    description: 'A function for each operation, a class for each tag, or one class with all operations.',
  },
  parameters: {
    type: 'string',
    default: 'grouped',
    enum: ['grouped', 'flat'],
    description:
      'Whether arguments are grouped as `path`, `query`, `headers` and `body`, or stand next to each other.',
  },
  enums: {
    type: 'string',
    default: 'none',
    enum: ['none', 'javascript', 'typescript'],
    description: 'Whether enums are unions of literals alone, constant objects as well, or TypeScript enums.',
  },
  dates: {
    type: 'boolean',
    default: false,
    description: 'Whether dates in answers are `Date` objects, and not text.',
  },
  comments: {
    type: 'boolean',
    default: true,
    description: 'Whether descriptions of the document are comments in the code.',
  },
} as const satisfies Record<string, GeneratorOption>;

const THROWS = {
  throwOnError: {
    type: 'boolean',
    default: false,
    description: 'Whether a failed call throws, and does not answer `error`.',
  },
} as const satisfies Record<string, GeneratorOption>;

/** The options as the child gets them: each is there. */
export interface HeyApiOptions {
  operations: 'flat' | 'byTags' | 'single';
  parameters: 'grouped' | 'flat';
  enums: 'none' | 'javascript' | 'typescript';
  dates: boolean;
  comments: boolean;
  throwOnError?: boolean;
}

export type HeyApiClient = 'fetch' | 'axios' | 'angular';

export interface HeyApiOrder {
  client: HeyApiClient;
  options: HeyApiOptions;
  /** Until when the part is looked for that the library fails at, from the order on. */
  searchMilliseconds: number;
}

/** The file in which the child names the part of the document that it failed at: a JSON pointer. */
export const CULPRIT = 'culprit';

export const HEY_API_MISSING = 'npm install @hey-api/openapi-ts typescript';

const TITLES: Readonly<Record<HeyApiClient, string>> = {
  fetch: 'TypeScript with fetch',
  axios: 'TypeScript with axios',
  angular: 'TypeScript for Angular',
};

const PREFIX = 'hey-api-';

/** @param available whether the packages are installed */
export const heyApiGenerators = (available: boolean): Generator[] =>
  (Object.keys(TITLES) as HeyApiClient[]).map((client) => ({
    name: `${PREFIX}${client}`,
    title: TITLES[client],
    language: 'typescript',
    engine: 'hey-api',
    available,
    ...(!available && { missing: HEY_API_MISSING }),
    options: client === 'angular' ? COMMON : { ...COMMON, ...THROWS },
  }));

/** The longest search for what the library fails at. A search takes at most half of the time, so that the failure is still said. */
const MOST_SEARCH = 120_000;

/**
 * @param name of the generator
 * @param milliseconds that its process may take
 */
export const heyApiOrder = (name: string, options: unknown, milliseconds: number): HeyApiOrder => ({
  client: name.slice(PREFIX.length) as HeyApiClient,
  options: options as HeyApiOptions,
  searchMilliseconds: Math.min(milliseconds / 2, MOST_SEARCH),
});
