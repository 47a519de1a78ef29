import { BASIC, Failure } from '../../api/index.js';
import type { Config } from '../../config.js';
import { childEntry, type ChildEntry } from '../../kernel/child-entry.js';
import type { Log } from '../../observe/index.js';
import { generatorFailed } from '../failures.js';
import { checkPaths } from '../paths.js';
import { LIMITS, removeLeftovers, ToolFailed, WarmTool, type Limits } from '../process/index.js';
import type { Files, Following, GenerateOrder, Generators } from '../types.js';
import { Catalogue, checkAvailable, libraryFolders, type Found, type Outside } from './catalogue.js';
import { CULPRIT, heyApiOrder } from './hey-api.js';
import { hasJava, openJar } from './jar.js';
import { optionsFor } from './options.js';
import { openService } from './service.js';

export interface OpenGenerators extends Generators {
  /**
   * Checks an order before its document is read.
   * @throws Failure as `generate`
   */
  check(name: string, options: Readonly<Record<string, unknown>>): Promise<void>;
  /** Ends what runs. */
  close(): Promise<void>;
}

export interface GeneratorsOptions {
  limits?: Partial<Limits>;
  /** What runs in place of the process for `hey-api-…`. */
  heyApiEntry?: ChildEntry;
}

const closed = (): Failure =>
  new Failure(503, BASIC.unavailable, { message: 'the server is stopping', headers: { 'Retry-After': '5' } });

/** A generator and its checked options. */
type Checked = Found & { values: Record<string, string | boolean | number> };

/** Opens the catalogue, and removes what a killed server has left. */
export function openGenerators(
  config: Config['codegen'],
  log: Pick<Log, 'warn'>,
  { limits: given, heyApiEntry = childEntry('hey-api-entry', import.meta.url) }: GeneratorsOptions = {},
): OpenGenerators {
  const limits = { ...LIMITS, ...given };
  const outside = openOutside(config, limits);
  const catalogue = new Catalogue(outside, log);
  const libraries = libraryFolders();
  const heyApi = new WarmTool(heyApiEntry, { limits, libraries, culprit: CULPRIT });
  const koa = new WarmTool(childEntry('koa-entry', import.meta.url), { limits, libraries });
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();
  const leftovers = removeLeftovers();
  catalogue.begin();

  const checked = async (name: string, options: Readonly<Record<string, unknown>>): Promise<Checked> => {
    const found = (await catalogue.find(name)) ?? (await catalogue.refuseUnknown(name));
    checkAvailable(found.generator, 'genName');
    const isFilled = found.generator.engine !== 'openapi-generator';
    return { ...found, values: optionsFor(found.generator, options, isFilled) };
  };

  const run = async (
    { generator, document, options }: GenerateOrder,
    following: Following,
  ): Promise<Files> => {
    const { values, side, own, generator: row } = await checked(generator, options);
    if (row.engine === 'gatehouse') return runTool(koa, document, null, following);
    if (row.engine === 'hey-api')
      return runTool(
        heyApi,
        document,
        heyApiOrder(row.name, values, following.milliseconds ?? limits.milliseconds),
        following,
      );
    if (!outside) throw new Error('OpenAPI Generator is not configured');
    return outside.engine.generate({ side, name: own, document, options: values }, following);
  };

  return {
    clients: () => catalogue.rows('clients'),
    servers: () => catalogue.rows('servers'),
    find: (name) => asFailure(async () => (await catalogue.find(name))?.generator),
    check: (name, options) => asFailure(async () => void (await checked(name, options))),
    expect(name) {
      void catalogue.find(name).then(
        (found) => {
          if (!found?.generator.available) return;
          if (found.generator.engine === 'hey-api') heyApi.expect();
          if (found.generator.engine === 'gatehouse') koa.expect();
        },
        () => undefined,
      );
    },
    generate(order, following = {}) {
      const signal = AbortSignal.any([closing.signal, ...(following.signal ? [following.signal] : [])]);
      const work = asFailure(() => run(order, { ...following, signal })).then((files) => {
        checkPaths(files); // a preview is written to a folder or packed as a ZIP by its caller
        return files;
      });
      running.add(work);
      return work.finally(() => running.delete(work));
    },
    async close() {
      closing.abort(closed());
      await Promise.all([heyApi.close(), koa.close(), leftovers, Promise.allSettled(running)]);
    },
  };
}

function openOutside({ openapiGenerator }: Config['codegen'], limits: Limits): Outside | undefined {
  const { jar, url, java = 'java' } = openapiGenerator ?? {};
  if (url !== undefined)
    return { engine: openService({ url, limits }), missing: () => Promise.resolve(undefined) };
  if (jar === undefined) return undefined;
  const settings = { jar, java, limits };
  return {
    engine: openJar(settings),
    missing: async () =>
      (await hasJava(settings)) ? undefined : 'Java 11 or newer, such as apt install openjdk-17-jre-headless',
  };
}

/** Runs one of our own entries on a document. */
const runTool = (
  tool: WarmTool,
  document: GenerateOrder['document'],
  order: unknown,
  following: Following,
): Promise<Files> => tool.run(order, new Map([['document.json', JSON.stringify(document)]]), following);

async function asFailure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ToolFailed ? generatorFailed(error) : error;
  }
}
