import type { Log } from '../../observe/index.js';
import { refusedField } from '../failures.js';
import { generatorNameOf, OLDER_NAMES } from '../language.js';
import { librariesOf, ToolFailed } from '../process/index.js';
import type { Generator } from '../types.js';
import { HEY_API_MISSING, heyApiGenerators } from './hey-api.js';
import { placeholder, PLACEHOLDER, rowOf, type OpenApiGenerator, type Side } from './openapi-generator.js';

/** All generators: the built-in ones, and those of OpenAPI Generator where there is one. */

export const KOA: Generator = {
  name: 'gatehouse-koa',
  title: 'TypeScript server stub with Koa',
  language: 'typescript',
  engine: 'gatehouse',
  available: true,
  options: {},
};

const heyApiLibraries = (): string[] | undefined => librariesOf('typescript', '@hey-api/openapi-ts');

/** The folders of the libraries that our entries need. */
export const libraryFolders = (): string[] => [
  ...new Set([...(librariesOf('openapi-sampler') ?? []), ...(heyApiLibraries() ?? [])]),
];

export interface Found {
  generator: Generator;
  side: Side;
  /** OpenAPI Generator's own name of it. */
  own: string;
}

/** An OpenAPI Generator, or why there is none. */
export interface Outside {
  engine: OpenApiGenerator;
  /** What to install where it does not work; undefined where it does. */
  missing(): Promise<string | undefined>;
}

/** How long an OpenAPI Generator that did not answer is left alone. */
const RETRY_MS = 60_000;

/** Those that need no other program. */
function builtIn(): Map<string, Found> {
  const found = new Map<string, Found>();
  for (const generator of heyApiGenerators(heyApiLibraries() !== undefined))
    found.set(generator.name, { generator, side: 'clients', own: generator.name });
  found.set(KOA.name, { generator: KOA, side: 'servers', own: KOA.name });
  return found;
}

export class Catalogue {
  readonly #builtIn = builtIn();
  #reading: Promise<ReadonlyMap<string, Found>> | undefined;
  readonly #options = new Map<string, Promise<Generator>>();

  constructor(
    readonly outside: Outside | undefined,
    readonly log: Pick<Log, 'warn'>,
  ) {}

  async rows(side: Side): Promise<Generator[]> {
    const all = [...(await this.#all()).values()];
    return all
      .filter((found) => found.side === side || found.own === PLACEHOLDER)
      .map(({ generator }) => generator);
  }

  /** Reads what OpenAPI Generator has, so that the first caller that needs it waits less. */
  begin(): void {
    if (this.outside) void this.#all();
  }

  /** A generator with its options; undefined where there is none. @throws ToolFailed where its options cannot be read */
  async find(name: string): Promise<Found | undefined> {
    // A built-in one never waits for another program: it could be slow, or hang.
    const builtIn = this.#builtIn.get(generatorNameOf(name));
    if (builtIn) return builtIn;
    const found = (await this.#all()).get(name);
    if (!found?.generator.available) return found;
    return { ...found, generator: await this.#withOptions(found) };
  }

  /** @throws Failure 422 that names generators with similar names, and why there are no others */
  async refuseUnknown(name: string): Promise<never> {
    const all = await this.#all();
    const near = nearest(name, [...Object.keys(OLDER_NAMES), ...all.keys()]).join(', ');
    const missing = all.get(PLACEHOLDER)?.generator.missing;
    const others =
      missing === undefined ? '' : `; OpenAPI Generator, which has others, is not there: ${missing}`;
    const message = `there is no generator ${JSON.stringify(name)}; use ${near}${others}`;
    throw refusedField('genName', 'unknown', message);
  }

  #withOptions({ generator, side, own }: Found): Promise<Generator> {
    const { name } = generator;
    const known = this.#options.get(name);
    if (known) return known;
    const reading = (async () => {
      const options = (await this.outside?.engine.options(side, own)) ?? {};
      Object.assign(generator, { options });
      return generator;
    })();
    this.#options.set(name, reading);
    reading.catch(() => this.#options.delete(name));
    return reading;
  }

  #all(): Promise<ReadonlyMap<string, Found>> {
    if (this.#reading) return this.#reading;
    const reading = this.#read();
    this.#reading = reading;
    reading.catch(() => (this.#reading = undefined));
    return reading;
  }

  async #read(): Promise<ReadonlyMap<string, Found>> {
    const found = new Map(this.#builtIn);
    const add = (side: Side, generator: Generator, own = generator.name): void => {
      found.set(generator.name, { generator, side, own });
    };
    if (!this.outside) return found;
    const missing =
      (await this.outside.missing()) ?? (await this.#addOutside(this.outside.engine, found, add));
    if (missing !== undefined) {
      // It is asked again later, by a call that wants the list.
      setTimeout(() => (this.#reading = undefined), RETRY_MS).unref();
      add('clients', placeholder(missing));
    }
    return found;
  }

  /** Adds its generators; answers what to do where it cannot be asked. */
  async #addOutside(
    { names }: OpenApiGenerator,
    found: ReadonlyMap<string, Found>,
    add: (side: Side, generator: Generator, own: string) => void,
  ): Promise<string | undefined> {
    try {
      for (const side of ['clients', 'servers'] as const)
        for (const own of await names(side)) {
          const isTaken = found.has(own) || Object.hasOwn(OLDER_NAMES, own);
          const name = isTaken ? `${PLACEHOLDER}-${own}` : own;
          add(side, rowOf(name, own), own);
        }
      return undefined;
    } catch (error) {
      if (!(error instanceof ToolFailed)) throw error;
      this.log.warn({ err: error, lines: error.lastLines }, 'OpenAPI Generator cannot be asked');
      return `see codegen.openapiGenerator: ${error.message}`;
    }
  }
}

const MOST_NAMES = 5;

/** The names that are most like a text: those that share most pairs of letters with it. */
function nearest(text: string, names: readonly string[]): string[] {
  const pairs = pairsOf(text);
  const alike = (name: string): number => {
    const own = pairsOf(name);
    return (2 * own.filter((pair) => pairs.includes(pair)).length) / (own.length + pairs.length || 1);
  };
  return names
    .map((name) => ({ name, alike: alike(name) }))
    .sort((one, other) => other.alike - one.alike)
    .slice(0, MOST_NAMES)
    .map(({ name }) => name);
}

const pairsOf = (text: string): string[] =>
  [...text.toLowerCase().slice(0, 100)]
    .slice(1)
    .map((letter, index) => `${text[index]?.toLowerCase()}${letter}`);

/**
 * @param field that names the generator.
 * @throws Failure 422 that says what to install
 */
export function checkAvailable(
  { name, available, missing = HEY_API_MISSING }: Generator,
  field: string,
): void {
  if (available) return;
  throw refusedField(
    field,
    'unavailable',
    `${name} is not installed on this server; the operator can install it, and start the server again: ${missing}`,
  );
}
