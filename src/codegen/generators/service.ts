import { Unzip, UnzipInflate, type UnzipFile } from 'fflate';
import { parse } from '../../kernel/json.js';
import { openOutboundPool } from '../../kernel/outbound-pool.js';
import { FileCollector, ToolFailed, type Limits } from '../process/index.js';
import type { Files, GeneratorOption } from '../types.js';
import { isCode, optionOf, plainNames, type OpenApiGenerator } from './openapi-generator.js';
import { withoutForeignReferences } from './references.js';

export interface ServiceSettings {
  url: string;
  limits: Limits;
}

const MOST_JSON = 1024 * 1024;
/** Of a ZIP, as it is sent. */
const MOST_ZIP = 20 * 1024 * 1024;
const CODE = /^[A-Za-z0-9_-]{1,100}$/;

/** OpenAPI Generator as a service that the operator named: its own HTTP interface (`/api/gen`). */
export function openService({ url, limits }: ServiceSettings): OpenApiGenerator {
  const service = new Service(new URL(url), limits.milliseconds);
  return {
    async names(side) {
      const names = await service.json('GET', `/api/gen/${side}`);
      return plainNames(Array.isArray(names) ? (names as unknown[]) : []);
    },
    async options(side, name) {
      return optionsIn(await service.json('GET', `/api/gen/${side}/${name}`));
    },
    async generate({ side, name, document, options }, { signal, milliseconds }) {
      const spec = withoutForeignReferences(structuredClone(document));
      const answer = await service.json(
        'POST',
        `/api/gen/${side}/${name}`,
        { spec, options },
        { signal, milliseconds },
      );
      // Its `link` may lead anywhere: the code says enough.
      const { code } = (answer ?? {}) as { code?: unknown };
      if (typeof code !== 'string' || !CODE.test(code))
        throw new ToolFailed('the generator service names no code');
      const zip = await service.bytes('GET', `/api/gen/download/${code}`, {
        ...{ signal, milliseconds },
        most: MOST_ZIP,
      });
      return withoutTopFolder(unzipped(zip, limits));
    },
  };
}

interface Asking {
  body?: unknown;
  signal?: AbortSignal | undefined;
  milliseconds?: number | undefined;
  most: number;
}

class Service {
  readonly #base: string;

  constructor(
    readonly url: URL,
    readonly milliseconds: number,
  ) {
    this.#base = url.pathname.replace(/\/$/, '');
  }

  async json(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
    following: Pick<Asking, 'signal' | 'milliseconds'> = {},
  ): Promise<unknown> {
    const bytes = await this.bytes(method, path, { body, ...following, most: MOST_JSON });
    try {
      return parse<unknown>(bytes.toString());
    } catch {
      throw new ToolFailed('the generator service does not answer JSON');
    }
  }

  /** @throws ToolFailed, and the signal's reason */
  async bytes(
    method: 'GET' | 'POST',
    path: string,
    { body, signal, milliseconds = this.milliseconds, most }: Asking,
  ): Promise<Buffer> {
    const limit = AbortSignal.timeout(milliseconds);
    // The operator has written the address.
    const pool = openOutboundPool(this.url, 'anywhere', {
      connections: 1,
      // The library’s own limits are below what a job may take.
      headersTimeout: milliseconds,
      bodyTimeout: milliseconds,
    });
    try {
      const answer = await pool.request({
        method,
        path: `${this.#base}${path}`,
        headers: { 'content-type': 'application/json', accept: 'application/json, application/octet-stream' },
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      const bytes = await bounded(answer.body, most);
      if (answer.statusCode !== 200)
        throw new ToolFailed(`the generator service answers ${answer.statusCode}`, [lineOf(bytes)]);
      return bytes;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ToolFailed) throw error;
      throw new ToolFailed(
        limit.aborted
          ? `the generator service did not answer within ${milliseconds / 1000} s`
          : 'the generator service cannot be reached',
      );
    } finally {
      await pool.destroy();
    }
  }
}

/** What it says of a failure. */
const lineOf = (bytes: Buffer): string =>
  bytes
    .subarray(0, 1000)
    .toString()
    .replace(/[\p{Cc}\p{Cs}]+/gu, ' ')
    .trim();

async function bounded(source: AsyncIterable<Buffer>, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > most) throw new ToolFailed('the generator service answers too much');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function optionsIn(answer: unknown): Record<string, GeneratorOption> {
  const options: Record<string, GeneratorOption> = {};
  for (const [name, option] of Object.entries((answer ?? {}) as Record<string, unknown>)) {
    const { description, default: written, enum: values, type } = (option ?? {}) as Record<string, unknown>;
    const allowed = values !== null && typeof values === 'object' ? Object.keys(values) : [];
    const given = typeof written === 'string' ? written : type === 'boolean' ? 'false' : undefined;
    options[name] = optionOf(typeof description === 'string' ? description : '', given, allowed);
  }
  return options;
}

/** How much of a ZIP is unpacked at once: it can become a thousand times as much. */
const PIECE = 16 * 1024;

/**
 * The files of a ZIP. Each path is checked, and what is unpacked is counted while it is unpacked: sizes in a ZIP can be wrong.
 * @throws ToolFailed
 */
export function unzipped(zip: Buffer, limits: Limits): Files {
  const collector = new FileCollector(limits);
  let problem: Error | undefined;
  const take = (file: UnzipFile): void => {
    const isFolder = file.name.endsWith('/');
    collector.admit(isFolder ? file.name.slice(0, -1) : file.name, 0);
    if (isFolder || !isCode(file.name)) return;
    const chunks: Buffer[] = [];
    file.ondata = (error, data, isLast) => {
      if (error) throw error;
      collector.admit(file.name, data.length);
      chunks.push(Buffer.from(data));
      if (isLast) collector.take(file.name, Buffer.concat(chunks));
    };
    file.start();
  };
  const unzip = new Unzip((file) => {
    try {
      take(file);
    } catch (error) {
      problem ??= error as Error;
    }
  });
  unzip.register(UnzipInflate);
  try {
    for (let at = 0; at < zip.length && !problem; at += PIECE)
      unzip.push(zip.subarray(at, at + PIECE), at + PIECE >= zip.length);
  } catch (error) {
    problem ??= error as Error;
  }
  if (!problem && collector.files.size > 0) return collector.files;
  throw problem instanceof ToolFailed ? problem : new ToolFailed('the generator service answers no ZIP');
}

/** A service puts all files into one folder, `php-client/`; a JAR does not. */
function withoutTopFolder(files: Files): Files {
  const [first = ''] = files.keys();
  const top = first.slice(0, first.indexOf('/') + 1);
  if (top === '' || ![...files.keys()].every((path) => path.startsWith(top))) return files;
  return new Map([...files].map(([path, text]) => [path.slice(top.length), text]));
}
