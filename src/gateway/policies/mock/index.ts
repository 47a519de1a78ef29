/**
 * `mock`: answers by a document, so that an API can be called before it has a backend.
 * The example is the document's own, else one is made from the schema (`boundedSchema`, openapi-sampler).
 * It must never spend more time on a document than on any other: schemas are a publisher's.
 */
import { LRUCache } from 'lru-cache';
import type * as Sampler from 'openapi-sampler';
import { parse } from '../../../kernel/json.js';
import type { Soon } from '../../../kernel/soon.js';
import { whenNeeded } from '../../../kernel/when-needed.js';
import type { Answer } from '../../plane/steps.js';
import type { CompiledOperation, LiveRevision } from '../../types.js';
import { acceptedType, isForm, isJson, isXml, readMediaType } from '../openapi/media-types.js';
import { DocumentPartError, DocumentReader, isPart, type Part } from '../openapi/reader.js';
import { openReaders, type ReaderOf } from '../openapi/readers.js';
import { boundedSchema } from './bounded-schema.js';

const sampler = whenNeeded<typeof Sampler>('openapi-sampler');

export interface Mocks {
  /**
   * The answer of an operation by its document.
   * @param status which response; undefined: the first successful one
   */
  answer(status: number | undefined, call: MockedCall): Soon<Answer>;
}

export interface MockedCall {
  operation: CompiledOperation;
  revision: Pick<LiveRevision, 'openapi'>;
  accept: string | undefined;
}

/** Bytes of one body. A longer one would not be kept, and be made again for each call. */
const LONGEST_BODY = 16 * 1024 * 1024;
/** Bytes of answers that are kept, of all APIs together. */
const MOST_BYTES = 4 * LONGEST_BODY;
const OF_AN_ANSWER = 500;
const MOST_RESPONSES = 20_000;

export function openMocks(readerOf: ReaderOf = openReaders()): Mocks {
  /** The types that a response can have. */
  const offers = new LRUCache<string, readonly string[]>({ max: MOST_RESPONSES });
  const kept = new LRUCache<string, Answer>({
    maxSize: MOST_BYTES,
    sizeCalculation: ({ body }) => OF_AN_ANSWER + Buffer.byteLength(body ?? ''),
  });
  const names = new WeakMap<CompiledOperation, number>();
  let named = 0;
  const nameOf = (operation: CompiledOperation): number => {
    const name = names.get(operation) ?? (named += 1);
    names.set(operation, name);
    return name;
  };
  function known(name: string, accept: string | undefined): Answer | undefined {
    const types = offers.get(name);
    return types && kept.get(`${name} ${acceptedType(accept, types) ?? ''}`);
  }

  function make(
    name: string,
    reader: DocumentReader,
    { status, operation, accept }: { status: number | undefined } & Pick<MockedCall, 'operation' | 'accept'>,
  ): Answer {
    const { types, answerAs } = responseFor(reader, operation, status);
    const type = acceptedType(accept, types);
    const answer = answerAs(type);
    offers.set(name, types);
    kept.set(`${name} ${type ?? ''}`, answer);
    return answer;
  }

  return {
    answer(status, { operation, revision, accept }) {
      const name = `${nameOf(operation)} ${status ?? ''}`;
      return (
        known(name, accept) ??
        readerOf(revision).then(
          (reader) => known(name, accept) ?? make(name, reader, { status, operation, accept }),
        )
      );
    },
  };
}

/**
 * The response of an operation, with the types that it can have. It has no body where the document cannot give one: publishing
 * refuses as much of that as it has time to find.
 */
function responseFor(
  reader: DocumentReader,
  operation: CompiledOperation,
  asked: number | undefined,
): { types: readonly string[]; answerAs(type: string | undefined): Answer } {
  const empty = { status: asked ?? 200, headers: [] };
  const response = orElse(undefined, () => responseOf(reader, operation, asked));
  if (!response) return { types: [], answerAs: () => empty };
  return {
    types: Object.keys(response.content),
    answerAs: (type) => orElse({ ...empty, status: response.status }, () => answerOf(reader, response, type)),
  };
}

function orElse<T>(instead: T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DocumentPartError) return instead;
    throw error;
  }
}

/** An answer as a document's example has it. */
export interface ExampleAnswer {
  status: number;
  /** Absent where the answer has no body. */
  type?: string;
  body?: string;
}

/**
 * The first successful answer of each operation by its document, as `mock` gives it; undefined where the document has no example
 * and no schema to make one from.
 */
export function exampleAnswers(
  document: Part,
): (operation: Pick<CompiledOperation, 'method' | 'path'>) => ExampleAnswer | undefined {
  const reader = new DocumentReader(document);
  return (operation) => orElse(undefined, () => exampleIn(reader, operation));
}

/** @throws DocumentPartError */
function exampleIn(
  reader: DocumentReader,
  operation: Pick<CompiledOperation, 'method' | 'path'>,
): ExampleAnswer | undefined {
  const response = responseOf(reader, operation, undefined);
  if (!response.isDescribed) return undefined;
  const written = acceptedType(undefined, Object.keys(response.content));
  if (written === undefined) return { status: response.status };
  const media = reader.resolve(response.content[written]);
  if (exampleOf(reader, media) === undefined && media['schema'] === undefined) return undefined;
  const { status, headers, body } = answerOf(reader, response, written);
  return body === undefined ? { status } : { status, type: headers[1] ?? '', body: body.toString() };
}

/**
 * Why an operation's answers have no example, where a reference within one leads to nothing that can be read; undefined where
 * all have one.
 */
export function exampleFault(reader: DocumentReader, operation: CompiledOperation): string | undefined {
  try {
    for (const { operation: written } of reader.operations(operation).slice(0, 1))
      for (const response of Object.values(partOf(written['responses'])))
        for (const media of Object.values(partOf(reader.resolve(response)['content'])))
          checkMedia(reader, reader.resolve(media));
    return undefined;
  } catch (error) {
    if (error instanceof DocumentPartError) return error.message;
    throw error;
  }
}

const partOf = (value: unknown): Part => (isPart(value) ? value : {});

/** @throws DocumentPartError */
function checkMedia(reader: DocumentReader, media: Part): void {
  const example = exampleOf(reader, media);
  if (example !== undefined) bodyOf(JSON.stringify(example));
  else if (media['schema'] !== undefined) boundedSchema(reader, media['schema']);
}

interface Response {
  status: number;
  content: Part;
  /** Whether the document has such a response. */
  isDescribed: boolean;
}

const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

function responseOf(
  reader: DocumentReader,
  operation: Pick<CompiledOperation, 'method' | 'path'>,
  asked: number | undefined,
): Response {
  const [found] = reader.operations(operation);
  const { responses } = found?.operation ?? {};
  const named = isPart(responses) ? responses : {};
  const name = asked === undefined ? successIn(Object.keys(named)) : nameFor(asked, named);
  const status = asked ?? statusOf(name);
  const { content } = reader.resolve(name === undefined ? {} : named[name]);
  return {
    status,
    content: isPart(content) && !BODILESS.has(status) ? content : {},
    isDescribed: name !== undefined,
  };
}

const nameFor = (status: number, responses: Part): string | undefined =>
  [String(status), `${String(status)[0]}XX`, `${String(status)[0]}xx`, 'default'].find(
    (name) => name in responses,
  );

const successIn = (names: readonly string[]): string | undefined =>
  names.toSorted().find((name) => /^2/.test(name)) ?? names.find((name) => name === 'default') ?? names[0];

const statusOf = (name: string | undefined): number =>
  /^[2-5][0-9]{2}$/.test(name ?? '')
    ? Number(name)
    : /^[2-5]xx$/i.test(name ?? '')
      ? Number(name?.[0]) * 100
      : 200;

/** The type in which an answer comes where the document has only a range. */
function concrete(range: string): string {
  if (range.endsWith('*/*')) return 'application/json';
  if (!range.endsWith('/*')) return range;
  return range === 'text/*' ? 'text/plain' : 'application/octet-stream';
}

function answerOf(
  reader: DocumentReader,
  { status, content }: Response,
  written: string | undefined,
): Answer {
  const type = written === undefined ? undefined : concrete(written);
  // A header's value is one line, whatever the document says.
  if (written === undefined || type === undefined || !readMediaType(type) || /[^\t\x20-\x7e]/.test(type))
    return { status, headers: [] };
  const media = reader.resolve(content[written]);
  return {
    status,
    headers: ['Content-Type', type],
    body: bodyOf(textOf(reader, media, readMediaType(type)?.type ?? '')),
  };
}

/** @throws DocumentPartError */
function bodyOf(text: string): Buffer {
  if (text.length > LONGEST_BODY || Buffer.byteLength(text) > LONGEST_BODY)
    throw new DocumentPartError('an example is longer than 16 MiB');
  return Buffer.from(text);
}

function textOf(reader: DocumentReader, media: Part, type: string): string {
  const given = exampleOf(reader, media);
  if (given !== undefined) return written(given, type, media, reader);
  if (media['schema'] === undefined) return '';
  return written(sampled(reader, media['schema'], isXml(type)), type, media, reader);
}

/** The example of a media type: the only one, or the first of several. */
function exampleOf(reader: DocumentReader, media: Part): unknown {
  if (media['example'] !== undefined) return media['example'];
  const { examples } = media;
  const [first] = isPart(examples) ? Object.values(examples) : [];
  return reader.resolve(first)['value'];
}

function sampled(reader: DocumentReader, schema: unknown, isOfXml: boolean): unknown {
  try {
    const options = { quiet: true, skipWriteOnly: true, format: isOfXml ? 'xml' : 'json' } as const;
    return sampler().sample(boundedSchema(reader, schema), options);
  } catch (error) {
    if (error instanceof DocumentPartError) return null;
    throw error;
  }
}

function written(value: unknown, type: string, media: Part, reader: DocumentReader): string {
  if (isJson(type)) return isJsonAlready(value, media, reader) ? value : JSON.stringify(value ?? null);
  if (typeof value === 'string') return value;
  if (isXml(type) && media['schema'] !== undefined) return String(sampled(reader, media['schema'], true));
  if (isForm(type) && isPart(value))
    return new URLSearchParams(
      Object.entries(value).map(([name, each]): [string, string] => [
        name,
        typeof each === 'string' ? each : JSON.stringify(each),
      ]),
    ).toString();
  return JSON.stringify(value ?? null);
}

/** Whether an example is JSON in a text, as some documents write it, and not a value that is a text. */
function isJsonAlready(value: unknown, media: Part, reader: DocumentReader): value is string {
  if (typeof value !== 'string' || [reader.resolve(media['schema'])['type']].flat().includes('string'))
    return false;
  try {
    parse(value);
    return true;
  } catch {
    return false;
  }
}
