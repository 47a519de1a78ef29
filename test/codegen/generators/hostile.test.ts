import assert from 'node:assert/strict';
import fc from 'fast-check';
import ts from 'typescript';
import { openGenerators, type OpenGenerators } from '../../../src/codegen/generators/index.js';
import type { Files, OpenApi } from '../../../src/codegen/types.js';
import { parse } from '../../../src/kernel/json.js';
import { often, SEED } from '../../support/profile.js';
import { QUIET } from './support.js';

/** Texts that end a literal or a comment, or are names of the language. */
const PIECES = [
  ...["'", '"', '`', '\\', '\n', '\r', '\u2028', '\u2029', '\u202e', '\0', '*/', '/*', '//', '#', '@', '日'],
  ...['${PWNED()}', ';PWNED();', ');PWNED();(', '}PWNED(){', '=PWNED()', '</script>', '<!--', ' ', 'a', '1'],
  ...['__proto__', 'constructor', 'default', 'await', 'this', '{id}', '{', '}', '[PWNED()]', '$&', "$'"],
];
/** The gateway refuses `__proto__` as a key. */
const HOSTILE = fc
  .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 4 })
  .map((all) => all.join(''))
  .filter((text) => text !== '__proto__');
const COUNT = 40;
const HARMLESS = Array.from({ length: COUNT }, (_, at) => `word${at}`);

/** A document of a fixed form that has a text of a list wherever a document can have a text. */
function documentOf(texts: readonly string[]): OpenApi {
  let at = 0;
  const next = (): string => texts[at++ % texts.length] ?? '';
  const about = () => ({ description: next(), summary: next() });
  const value = () => ({
    ...{ type: 'string', title: next(), description: next(), pattern: next(), format: next() },
    ...{ default: next(), example: next(), enum: [next(), next(), next()] },
  });
  const object = () => ({
    ...{ type: 'object', description: next(), required: [next()] },
    properties: {
      [next()]: value(),
      [`${next()}!`]: { const: next() },
      [next()]: { type: 'string', format: 'date-time' },
    },
  });
  // The gateway refuses names of components that have other characters.
  const [one, other] = ['One.thing-1', '__proto__constructor'];
  const toOne = `#/components/schemas/${one}`;
  const json = (schema: object) => ({ 'application/json': { schema, example: { [next()]: next() } } });
  const operation = (id: string) => ({
    ...{ ...about(), operationId: id, tags: [next(), next()], deprecated: true, security: [{ key: [] }] },
    parameters: ['query', 'header', 'cookie'].map((place) => ({
      ...{ name: next(), in: place, description: next(), schema: value() },
    })),
    requestBody: {
      description: next(),
      content: { ...json({ $ref: toOne }), [`text/${next()}`]: { schema: value() } },
    },
    responses: { 200: { description: next(), content: json(object()) }, default: { description: next() } },
  });
  const path = (): string => `/${next().replace(/[{}?#/]/g, '')}/{id}`;
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
  const document = {
    openapi: '3.1.0',
    info: { title: next(), version: next(), ...about() },
    servers: [{ url: `https://example.com/${next()}`, description: next() }],
    tags: [{ name: next(), description: next() }],
    paths: {
      [path()]: { parameters: [id], get: operation(next()), post: operation(next()) },
      [`${path()}/second`]: { parameters: [id], put: operation(`put ${next()}`), delete: operation(next()) },
    },
    components: {
      schemas: {
        [one]: object(),
        [other]: {
          oneOf: [{ $ref: toOne }, object()],
          discriminator: { propertyName: next(), mapping: { [next()]: toOne } },
        },
      },
      securitySchemes: { key: { type: 'apiKey', in: 'header', name: next(), description: next() } },
    },
  };
  // Through JSON, as documents come: `__proto__` is a key like any other.
  return parse<OpenApi>(JSON.stringify(document));
}

/** The kinds of statements, what is called, and what is inserted into templates: names that a document gives are left out. */
function formsIn(files: Files): Set<string> {
  const forms = new Set<string>();
  for (const [path, text] of files) {
    if (!path.endsWith('.ts') || isTemplate(path)) continue;
    const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
    const { parseDiagnostics } = file as unknown as { parseDiagnostics: readonly ts.Diagnostic[] };
    const faults = parseDiagnostics.map(({ start = 0 }) => text.slice(Math.max(0, start - 100), start + 50));
    assert.deepEqual(faults, [], path);
    for (const { kind } of file.statements) forms.add(`statement ${ts.SyntaxKind[kind]}`);
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node)) forms.add(`call ${node.expression.getText(file)}`);
      if (ts.isTaggedTemplateExpression(node) || ts.isTemplateExpression(node))
        forms.add(`template ${node.getText(file)}`);
      if (ts.isExpressionStatement(node)) forms.add(`does ${ts.SyntaxKind[node.expression.kind]}`);
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return forms;
}

/** Files of hey-api that are the same for each document. */
const isTemplate = (path: string): boolean => /^(?:client|core)\//.test(path);

const templatesIn = (files: Files): [string, string][] => [...files].filter(([path]) => isTemplate(path));

/** A form without the names that a generator makes of those of the document. */
const plainForm = (form: string): string =>
  form
    .replace(/^call [\p{ID_Continue}$]+Transformer$/u, 'call transformer')
    .replace(/^call [\p{ID_Continue}$]+(?=\.__registry\.)/u, 'call Class');

describe('documents whose texts try to become code', () => {
  let generators: OpenGenerators;
  before(() => (generators = openGenerators({}, QUIET)));
  after(() => generators.close());

  const CASES: [generator: string, options: Record<string, unknown>][] = [
    ['hey-api-fetch', {}],
    ['hey-api-fetch', { operations: 'byTags', enums: 'javascript', parameters: 'flat', dates: true }],
    ['hey-api-axios', { operations: 'single', enums: 'typescript' }],
    ['hey-api-angular', { operations: 'byTags' }],
    ['gatehouse-koa', {}],
  ];
  for (const [generator, options] of CASES)
    it(`have no statement and no call that harmless ones have not: ${generator} ${JSON.stringify(options)} [SEC-C7]`, async () => {
      const make = (document: OpenApi): Promise<Files> =>
        generators.generate({ generator, document, options });
      const harmless = await make(documentOf(HARMLESS));
      const allowed = new Set([...formsIn(harmless)].map(plainForm));
      await fc.assert(
        fc.asyncProperty(fc.array(HOSTILE, { minLength: COUNT, maxLength: COUNT }), async (texts) => {
          const files = await make(documentOf(texts));
          const others = [...formsIn(files)].map(plainForm).filter((form) => !allowed.has(form));
          assert.deepEqual(others, []);
          assert.deepEqual(templatesIn(files), templatesIn(harmless));
        }),
        { seed: SEED, numRuns: often({ short: 1, long: 20 }), endOnFailure: true },
      );
    });
});
