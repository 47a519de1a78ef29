import { areaAt, BASIC, defineOperation, Failure, shapes, type AnyOperation } from '../../api/index.js';
import { DOCUMENT_LIMITS, SOURCE, type SourceBase } from '../../gateway/index.js';
import { CODEGEN_CODES } from '../codes.js';
import { naming } from '../origin.js';
import { readDocument } from '../source.js';
import type { OpenGenerators } from './generators.js';
import { zipOf } from './zip.js';

export interface GeneratorServices {
  generators: OpenGenerators;
  /** What reads documents. */
  documents: SourceBase;
}

export const ofCodegen = areaAt('codegen', '/api/CodeGen');

const OPTION = {
  title: 'GeneratorOption',
  type: 'object',
  additionalProperties: false,
  required: ['type', 'description'],
  properties: {
    type: { type: 'string', enum: ['string', 'boolean', 'integer'] },
    default: { type: ['string', 'boolean', 'integer'] },
    enum: { type: 'array', items: { type: 'string' } },
    description: { type: 'string' },
  },
} as const;

const GENERATORS = {
  type: 'array',
  items: {
    title: 'Generator',
    type: 'object',
    additionalProperties: false,
    required: ['name', 'title', 'language', 'engine', 'available', 'options'],
    properties: {
      name: { type: 'string', description: 'What `genName` and `language` take.' },
      title: { type: 'string' },
      language: { type: 'string', description: 'The programming language.' },
      engine: { type: 'string', enum: ['hey-api', 'gatehouse', 'openapi-generator'] },
      available: shapes.flag('Whether this server has what it needs.'),
      missing: { type: 'string', description: 'What the operator has to install where it is not available.' },
      options: {
        type: 'object',
        additionalProperties: OPTION,
        description: 'Of OpenAPI Generator: those of generators that were used since the server started.',
      },
    },
  },
} as const;

const clientsOperation = (services: GeneratorServices): AnyOperation =>
  defineOperation({
    ...ofCodegen.own('clients', 'GET', '/Clients'),
    summary: 'List the generators of clients',
    schemas: { answer: GENERATORS },
    handle: async () => listed(await services.generators.clients()),
  });

const serversOperation = (services: GeneratorServices): AnyOperation =>
  defineOperation({
    ...ofCodegen.own('servers', 'GET', '/Servers'),
    summary: 'List the generators of servers',
    schemas: { answer: GENERATORS },
    handle: async () => listed(await services.generators.servers()),
  });

type Rows = Awaited<ReturnType<OpenGenerators['clients']>>;

/** Rows as the schema has them: with lists that can be changed. */
const listed = (rows: Rows) =>
  rows.map(({ options, ...row }) => ({
    ...row,
    options: Object.fromEntries(
      Object.entries(options).map(([name, { enum: values, ...option }]) => [
        name,
        { ...option, ...(values && { enum: [...values] }) },
      ]),
    ),
  }));

const GEN = {
  title: 'GenRequest',
  type: 'object',
  additionalProperties: false,
  required: ['genName'],
  properties: {
    genName: { ...shapes.line(100), minLength: 1, description: 'A name of `Clients` or `Servers`.' },
    ...SOURCE,
    options: {
      type: 'object',
      maxProperties: 100,
      additionalProperties: { type: ['string', 'boolean', 'number'] },
      default: {},
      description: 'Options of the generator.',
    },
  },
} as const;

const FILES = {
  type: 'object',
  additionalProperties: { type: 'string' },
  description: 'The text of each file, by its path.',
} as const;

/** How many previews one process makes at a time. */
const PLACES = 2;
const RETRY_AFTER_SECONDS = 5;

const tooMany = (): Failure =>
  new Failure(429, BASIC.tooManyRequests, {
    message: `${PLACES} previews are made at a time; try again in ${RETRY_AFTER_SECONDS} s`,
    headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) },
  });

function genOperation(services: GeneratorServices): AnyOperation {
  let taken = 0;
  return defineOperation({
    ...ofCodegen.own('gen', 'POST', '/Gen'),
    access: { kind: 'open' },
    authority: { untouched: 'a preview stores nothing' },
    summary: 'Preview the code that a generator makes of a document',
    schemas: { body: GEN, answer: FILES },
    limits: DOCUMENT_LIMITS,
    example: { genName: 'hey-api-fetch', swaggerUrl: 'https://orders.example.com/openapi.json' },
    download: {
      type: 'application/zip',
      fileName: 'code.zip',
      pack: (files) => zipOf(new Map(Object.entries(files as Record<string, string>))),
    },
    target: ({ body }) => body.genName,
    async prepare({ tenant, body: { genName, options = {}, document, swaggerUrl } }, callerLeaves) {
      // A place holds the fetching and the reading of the document as well.
      if (taken >= PLACES) throw tooMany();
      taken += 1;
      try {
        const { generators, documents } = services;
        const signal = callerLeaves();
        await generators.check(genName, options);
        generators.expect(genName);
        const { openapi, origin } = await readDocument(documents, tenant, { document, swaggerUrl });
        signal.throwIfAborted();
        const files = await naming(documents, origin, () =>
          generators.generate({ generator: genName, document: openapi, options }, { signal }),
        );
        // Callers of previews often ask again; the next process starts while this answer is sent.
        generators.expect(genName);
        return files;
      } finally {
        taken -= 1;
      }
    },
    handle: async (_call, files) => Object.fromEntries(files),
  });
}

/** While only declarations are read, `services` may be empty. */
export const generatorOperations = (services: GeneratorServices): readonly AnyOperation[] => [
  clientsOperation(services),
  serversOperation(services),
  genOperation(services),
  ofCodegen.codes(CODEGEN_CODES),
];
