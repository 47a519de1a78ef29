import assert from 'node:assert/strict';
import fc from 'fast-check';
import { difference, type Level } from '../../../src/codegen/sdk/difference/index.js';
import { nextVersion } from '../../../src/codegen/sdk/version.js';
import type { OpenApi } from '../../../src/codegen/types.js';

type Json = Record<string, unknown>;

/** A document with `PUT /items/{id}` that takes and answers these. */
const documentOf = (parts: {
  request?: unknown;
  response?: unknown;
  operation?: Json;
  more?: Json;
}): OpenApi => ({
  openapi: '3.0.3',
  info: { title: 'Items', version: '1' },
  paths: {
    '/items/{id}': {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      put: {
        operationId: 'putItem',
        requestBody: { content: { 'application/json': { schema: parts.request ?? {} } } },
        responses: {
          200: { description: 'x', content: { 'application/json': { schema: parts.response ?? {} } } },
        },
        ...parts.operation,
      },
    },
  },
  ...parts.more,
});

const levelOf = async (a: OpenApi, b: OpenApi): Promise<Level | undefined> => (await difference(a, b)).level;

const object = (properties: Json, required: string[] = []): Json => ({
  type: 'object',
  properties,
  required,
});
const TEXT = { type: 'string' };
const query = (name: string, more: Json = {}): Json => ({ name, in: 'query', schema: TEXT, ...more });

/** What two schemas make of each other where callers send them, and where they receive them. */
const SCHEMAS: readonly [what: string, a: unknown, b: unknown, request: Level, response: Level][] = [
  ['a field is removed', object({ a: TEXT, b: TEXT }), object({ a: TEXT }), 'major', 'major'],
  ['an optional field is added', object({ a: TEXT }), object({ a: TEXT, b: TEXT }), 'minor', 'minor'],
  ['a required field is added', object({}), object({ a: TEXT }, ['a']), 'major', 'minor'],
  ['a field becomes required', object({ a: TEXT }), object({ a: TEXT }, ['a']), 'major', 'minor'],
  ['a field becomes optional', object({ a: TEXT }, ['a']), object({ a: TEXT }), 'minor', 'major'],
  ['the type changes', TEXT, { type: 'integer' }, 'major', 'major'],
  ['a number becomes an integer', { type: 'number' }, { type: 'integer' }, 'major', 'major'],
  ['an integer becomes a number', { type: 'integer' }, { type: 'number' }, 'minor', 'major'],
  ['null is allowed', TEXT, { type: 'string', nullable: true }, 'minor', 'major'],
  ['null is not allowed any more', { type: ['string', 'null'] }, TEXT, 'major', 'major'],
  ['anything becomes a text', {}, TEXT, 'major', 'major'],
  ['a text becomes anything', TEXT, {}, 'minor', 'major'],
  ['a value is added', { enum: ['a'] }, { enum: ['a', 'b'] }, 'minor', 'minor'],
  ['a value is removed', { enum: ['a', 'b'] }, { enum: ['a'] }, 'major', 'major'],
  ['a list of values is added', TEXT, { type: 'string', enum: ['a'] }, 'major', 'major'],
  ['items change', { items: TEXT }, { items: { type: 'integer' } }, 'major', 'major'],
  ['the longest length falls', { maxLength: 9 }, { maxLength: 5 }, 'major', 'minor'],
  ['the longest length grows', { maxLength: 5 }, { maxLength: 9 }, 'minor', 'minor'],
  ['a pattern is added', TEXT, { type: 'string', pattern: '^a' }, 'major', 'minor'],
  ['a format changes', { format: 'int32' }, { format: 'int64' }, 'major', 'major'],
  ['other fields are refused', object({}), { ...object({}), additionalProperties: false }, 'major', 'major'],
  ['an alternative is added', { oneOf: [TEXT] }, { oneOf: [TEXT, { type: 'integer' }] }, 'minor', 'major'],
  ['an alternative is removed', { anyOf: [TEXT, { type: 'integer' }] }, { anyOf: [TEXT] }, 'major', 'major'],
  ['a part is added', { allOf: [TEXT] }, { allOf: [TEXT, object({})] }, 'major', 'major'],
  ['a part has a field more', { allOf: [object({})] }, { allOf: [object({ a: TEXT })] }, 'minor', 'minor'],
  ['nothing fits any more', {}, false, 'major', 'major'],
  ['a description changes', TEXT, { ...TEXT, description: 'x' }, 'patch', 'patch'],
];

describe('the difference of two documents', () => {
  for (const [what, a, b, request, response] of SCHEMAS)
    it(`is ${request} for what callers send and ${response} for what they receive where ${what}`, async () => {
      assert.deepEqual(
        [
          await levelOf(documentOf({ request: a }), documentOf({ request: b })),
          await levelOf(documentOf({ response: a }), documentOf({ response: b })),
        ],
        [request, response],
      );
    });

  const OPERATIONS: readonly [what: string, a: Json, b: Json, level: Level][] = [
    ['a parameter is removed', { parameters: [query('q')] }, {}, 'major'],
    ['an optional parameter is added', {}, { parameters: [query('q')] }, 'minor'],
    ['a required parameter is added', {}, { parameters: [query('q', { required: true })] }, 'major'],
    [
      'a parameter becomes required',
      { parameters: [query('q')] },
      { parameters: [query('q', { required: true })] },
      'major',
    ],
    ['the body is removed', {}, { requestBody: undefined }, 'major'],
    ['an answer is removed', { responses: { 200: {}, 404: {} } }, { responses: { 200: {} } }, 'major'],
    ['an answer is added', { responses: { 200: {} } }, { responses: { 200: {}, 404: {} } }, 'minor'],
    ['the operationId changes', {}, { operationId: 'replaceItem' }, 'major'],
    ['a scope is asked', { security: [{ a: [] }] }, { security: [{ a: ['items'] }] }, 'major'],
    [
      'another way to sign in is added',
      { security: [{ a: [] }] },
      { security: [{ a: [] }, { b: [] }] },
      'minor',
    ],
    ['the summary changes', { summary: 'a' }, { summary: 'b' }, 'patch'],
  ];
  for (const [what, a, b, level] of OPERATIONS)
    it(`is ${level} where ${what}`, async () => {
      assert.equal(await levelOf(documentOf({ operation: a }), documentOf({ operation: b })), level);
    });

  it('is major where a parameter of the path is renamed: callers name it', async () => {
    const before = documentOf({});
    const text = JSON.stringify(before)
      .replaceAll('{id}', '{itemId}')
      .replaceAll('"name":"id"', '"name":"itemId"');
    const { changes } = await difference(before, JSON.parse(text) as OpenApi);
    assert.deepEqual(changes[0], { level: 'major', text: 'PUT /items/{id}: path is /items/{itemId} now' });
    assert.ok(!changes.some((change) => / \/items\/\{\w+\} (removed|added)$/.test(change.text)));
  });

  it('follows references, ends in cycles, and says what is shared once', async () => {
    const node = (more: Json): Json => ({
      components: { schemas: { Node: object({ next: { $ref: '#/components/schemas/Node' }, ...more }) } },
    });
    const schema = { $ref: '#/components/schemas/Node' };
    const [a, b] = [{ old: TEXT }, { new: TEXT }].map((more) =>
      documentOf({ response: schema, operation: { parameters: [query('q')] }, more: node(more) }),
    ) as [OpenApi, OpenApi];
    assert.deepEqual((await difference(a, b)).changes, [
      { level: 'major', text: 'Node.old: removed' },
      { level: 'minor', text: 'Node.new: added' },
    ]);
  });

  it('is about shared schemas that no operation refers to as well', async () => {
    const more = (schemas: Json): OpenApi => documentOf({ more: { components: { schemas } } });
    assert.equal(await levelOf(more({ A: TEXT }), more({ A: TEXT, B: TEXT })), 'minor');
    assert.equal(await levelOf(more({ A: TEXT }), more({})), 'major');
    assert.equal(await levelOf(more({ A: TEXT }), more({ A: { type: 'integer' } })), 'major');
  });

  it('is major beyond what is compared, and says so', async () => {
    const [a, b] = [
      documentOf({ request: object({ a: TEXT }) }),
      documentOf({ request: object({ a: TEXT, b: TEXT }) }),
    ];
    const { changes, level } = await difference(a, b, 1);
    assert.equal(level, 'major');
    assert.ok(changes.some(({ text }) => text.includes('too large')));
  });

  it('ends for a chain of schemas deeper than the stack', async () => {
    const schemas: Json = {};
    for (let n = 0; n < 20_000; n += 1)
      schemas[`S${n}`] = object({ next: { $ref: `#/components/schemas/S${n + 1}` } });
    const document = documentOf({
      request: { $ref: '#/components/schemas/S0' },
      more: { components: { schemas } },
    });
    assert.equal(await levelOf(document, structuredClone(document)), 'major');
  });

  it('takes 10,000 operations, and lists 500 changes', async () => {
    const of = (count: number): OpenApi => ({
      openapi: '3.1.0',
      paths: Object.fromEntries(
        Array.from({ length: count }, (_, n) => [
          `/p${n}`,
          { get: { operationId: `get${n}`, responses: {} } },
        ]),
      ),
    });
    const { changes, level } = await difference(of(10_000), of(1));
    assert.deepEqual([level, changes.length], ['major', 501]);
    assert.equal(changes.at(-1)?.text, '9499 more changes');
  });

  it('writes what the document names in one short line', async () => {
    const before = documentOf({
      more: { components: { schemas: { [`A\n\u202e${'x'.repeat(1000)}`]: TEXT } } },
    });
    const [change] = (await difference(before, documentOf({}))).changes;
    assert.match(change?.text ?? '', /^Schema A x{20,}/);
    assert.ok((change?.text.length ?? 0) <= 300);
  });

  const schemaArbitrary = fc.letrec<{ schema: Json }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<Json>(
        TEXT,
        { type: 'integer' },
        { enum: ['a', 'b'] },
        { $ref: '#/components/schemas/Node' },
      ),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('schema')).map((properties) => object(properties)),
      fc.array(tie('schema'), { maxLength: 2 }).map((oneOf): Json => ({ oneOf })),
      tie('schema').map((items): Json => ({ type: 'array', items })),
    ),
  })).schema;
  const documentArbitrary = fc
    .record({ request: schemaArbitrary, response: schemaArbitrary, Node: schemaArbitrary })
    .map(({ request, response, Node }) =>
      documentOf({ request, response, more: { components: { schemas: { Node } } } }),
    );

  it('of a document to itself is none', () =>
    fc.assert(
      fc.asyncProperty(documentArbitrary, async (document) => {
        assert.deepEqual(await difference(document, structuredClone(document)), {
          changes: [],
          level: undefined,
        });
      }),
      { numRuns: 50 },
    ));

  it('is minor where an operation is added, and major the other way round', () =>
    fc.assert(
      fc.asyncProperty(documentArbitrary, async (document) => {
        const paths = { ...(document['paths'] as Json), '/new': { get: { responses: {} } } };
        const larger = { ...document, paths };
        assert.deepEqual(
          [await levelOf(document, larger), await levelOf(larger, document)],
          ['minor', 'major'],
        );
      }),
      { numRuns: 50 },
    ));
});

describe('the next version', () => {
  for (const [option, latest, level, next] of [
    ['0.0.0', undefined, undefined, '0.0.1'],
    ['1.2.3', undefined, undefined, '1.2.4'],
    ['1.2.3', '1.5.0', undefined, '1.5.1'],
    ['2.0.0', '1.5.0', 'patch', '2.0.1'],
    ['1.2.3', '1.2.3', 'minor', '1.3.0'],
    ['1.2.3', '1.2.3', 'major', '2.0.0'],
    ['0.1.2', '0.3.0', 'major', '0.4.0'],
    ['0.3.0', undefined, 'minor', '0.4.0'],
    ['1.0.0-beta.1', undefined, 'minor', '1.0.0'],
    ['2.0.0-rc.1', '1.9.0', undefined, '2.0.0'],
    ['1.0.0', 'nonsense', undefined, '1.0.1'],
    ['1.0.0', '1.0.0+build', undefined, '1.0.1'],
  ] as const)
    it(`after ${option}, with ${latest ?? 'nothing'} in the registry, and ${level ?? 'no'} changes is ${next}`, () => {
      assert.equal(nextVersion(option, latest, level), next);
    });

  for (const option of ['', '1.2', 'latest', '1.2.3.4', `${'9'.repeat(400)}.0.0`, '1.0.9007199254740991'])
    it(`is refused after ${option.slice(0, 20) || 'nothing'}, naming the field`, () => {
      assert.throws(() => nextVersion(option, undefined, undefined), {
        status: 422,
        data: [{ field: 'version', rule: 'semver', message: /.+/ }].map(({ field, rule }) => ({
          field,
          rule,
          message: messageOf(option),
        })),
      });
    });
});

function messageOf(option: string): string {
  try {
    nextVersion(option, undefined, undefined);
    return assert.fail();
  } catch (error) {
    return (error as Error).message;
  }
}
