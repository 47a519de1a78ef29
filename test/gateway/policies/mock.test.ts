import assert from 'node:assert/strict';
import { exampleAnswers, exampleFault, openMocks } from '../../../src/gateway/policies/mock/index.js';
import { DocumentReader } from '../../../src/gateway/policies/openapi/reader.js';
import { operation } from './support.js';

const READ = 'GET /items';
const READING = operation(READ);
const documentOf = (responses: object, schemas: object = {}): Record<string, unknown> => ({
  openapi: '3.0.3',
  components: { schemas },
  paths: { '/items': { get: { responses } } },
});

async function mock(document: Record<string, unknown>, status?: number, accept?: string) {
  const revision = { openapi: () => Promise.resolve(document) };
  const answer = await openMocks().answer(status, { operation: operation(READ), revision, accept });
  return { status: answer.status, type: answer.headers[1], body: String(answer.body ?? '') };
}

const json = (media: object) => ({ content: { 'application/json': media } });
const schemaOnly = async (schema: object, schemas: object = {}): Promise<unknown> =>
  JSON.parse((await mock(documentOf({ 200: json({ schema }) }, schemas))).body);

describe('mock', () => {
  it('answers the example of the document', async () => {
    const document = documentOf({ 200: json({ example: { id: 1 }, schema: { type: 'object' } }) });
    assert.deepEqual(await mock(document), { status: 200, type: 'application/json', body: '{"id":1}' });
  });

  it('answers the first of several examples, behind its reference', async () => {
    const document = documentOf(
      { 200: json({ examples: { one: { $ref: '#/components/schemas/One' }, two: { value: 2 } } }) },
      { One: { value: 1 } },
    );
    assert.equal((await mock(document)).body, '1');
  });

  it('answers JSON that the document has as a text', async () => {
    assert.equal(
      (await mock(documentOf({ 200: json({ example: '{"a": 1}', schema: { type: 'object' } }) }))).body,
      '{"a": 1}',
    );
    assert.equal(
      (await mock(documentOf({ 200: json({ example: '1', schema: { type: 'string' } }) }))).body,
      '"1"',
    );
  });

  it('makes an example from the schema', async () => {
    const schema = {
      type: 'object',
      properties: {
        id: { type: 'integer', minimum: 5 },
        name: { type: 'string', example: 'Ann' },
        tags: { type: 'array', items: { enum: ['a', 'b'] } },
        secret: { type: 'string', writeOnly: true },
        any: { anyOf: [{ type: 'boolean' }, { type: 'string' }] },
        all: {
          allOf: [{ properties: { x: { default: 1 } } }, { type: 'object', properties: { y: { const: 2 } } }],
        },
      },
    };
    assert.deepEqual(await schemaOnly(schema), {
      id: 5,
      name: 'Ann',
      tags: ['a'],
      any: true,
      all: { x: 1, y: 2 },
    });
  });

  it('cuts circular schemas', async () => {
    const Node = {
      type: 'object',
      properties: {
        id: { default: 1 },
        next: { $ref: '#/components/schemas/Node' },
        list: { type: 'array', items: { $ref: '#/components/schemas/Node' } },
      },
    };
    assert.deepEqual(await schemaOnly({ $ref: '#/components/schemas/Node' }, { Node }), {
      id: 1,
      next: {},
      list: [{}],
    });
  });

  const STATUSES: [string, object, number | undefined, number][] = [
    ['the first successful one', { 404: {}, 201: {}, 202: {} }, undefined, 201],
    ['a range', { '2XX': {} }, undefined, 200],
    ['the default one', { default: {} }, undefined, 200],
    ['the one of the policy', { 200: {}, 404: {} }, 404, 404],
    ['one that the document does not have', { 200: {} }, 503, 503],
  ];
  for (const [title, responses, asked, status] of STATUSES)
    it(`answers ${title}`, async () =>
      assert.equal((await mock(documentOf(responses), asked)).status, status));

  it('answers 204 without a body', async () => {
    assert.deepEqual(await mock(documentOf({ 204: json({ example: 1 }) })), {
      status: 204,
      type: undefined,
      body: '',
    });
  });

  const BOTH = documentOf({
    200: { content: { 'application/json': { example: 1 }, 'text/plain': { example: 'one' } } },
  });
  const ACCEPTED: [string | undefined, string][] = [
    [undefined, 'application/json'],
    ['text/plain', 'text/plain'],
    ['text/*;q=0.9, application/json;q=0.1', 'text/plain'],
    ['*/*, application/json;q=0', 'text/plain'],
    ['image/png', 'application/json'],
  ];
  for (const [accept, type] of ACCEPTED)
    it(`answers ${type} to Accept: ${accept}`, async () =>
      assert.equal((await mock(BOTH, undefined, accept)).type, type));

  it('writes XML', async () => {
    const schema = { type: 'object', xml: { name: 'item' }, properties: { id: { type: 'integer' } } };
    const { body } = await mock(documentOf({ 200: { content: { 'application/xml': { schema } } } }));
    assert.equal(body.trim(), '<item>\n  <id>0</id>\n</item>');
  });

  it('reads the document once, and has one body in memory for all callers', async () => {
    let reads = 0;
    const revision = { openapi: () => Promise.resolve(((reads += 1), BOTH)) };
    const { answer } = openMocks();
    const ask = async (accept: string) => answer(undefined, { operation: READING, revision, accept });
    const [one, same, text] = await Promise.all([ask('*/*'), ask('*/*'), ask('text/plain')]);
    const later = await ask('application/json');
    assert.deepEqual([String(one.body), String(text.body), reads], ['1', 'one', 1]);
    assert.ok(Buffer.isBuffer(one.body) && one.body === same.body && one.body === later.body);
  });

  const NOTHING: [string, Record<string, unknown>][] = [
    ['response that is not there', documentOf({ 200: { $ref: '#/none' } })],
    ['example that is not there', documentOf({ 200: json({ examples: { a: { $ref: '#/none' } } }) })],
    ['example that is too long', documentOf({ 200: json({ example: 'x'.repeat(16 * 1024 * 1024) }) })],
  ];
  for (const [title, document] of NOTHING)
    it(`answers without a body for an ${title}, which publishing refuses`, async () => {
      assert.deepEqual(await mock(document), { status: 200, type: undefined, body: '' });
      assert.ok(exampleFault(new DocumentReader(document), READING));
    });

  it('sends no header that the document smuggles in', async () => {
    const document = documentOf({ 200: { content: { 'text/plain\r\nX-Evil: 1': { example: 'x' } } } });
    assert.deepEqual(await mock(document), { status: 200, type: undefined, body: '' });
  });

  const wide = (next: string) =>
    Object.fromEntries(
      Array.from({ length: 10 }, (_, at) => [`p${at}`, { $ref: `#/components/schemas/${next}` }]),
    );
  const WIDE = Object.fromEntries(
    Array.from({ length: 20 }, (_, at) => [`S${at}`, { type: 'object', properties: wide(`S${at + 1}`) }]),
  );
  const HUGE: [string, object, object][] = [
    ['a billion items', { type: 'array', minItems: 1e9, items: { type: 'string' } }, {}],
    ['a text of a gigabyte', { type: 'string', minLength: 1e9 }, {}],
    [
      'ten references on each of twenty levels',
      { $ref: '#/components/schemas/S0' },
      { ...WIDE, S20: { type: 'string' } },
    ],
    [
      'an alternative that contains itself',
      { $ref: '#/components/schemas/A' },
      { A: { allOf: [{ $ref: '#/components/schemas/A' }, { oneOf: [{ $ref: '#/components/schemas/A' }] }] } },
    ],
    [
      'a long example many times',
      {
        type: 'array',
        items: {
          type: 'array',
          minItems: 3,
          items: { type: 'array', minItems: 3, items: { example: 'x'.repeat(1_000_000) } },
        },
      },
      {},
    ],
  ];
  for (const [title, schema, schemas] of HUGE)
    it(`makes a bounded example of ${title}`, async () => {
      const { body } = await mock(documentOf({ 200: json({ schema }) }, schemas));
      assert.ok(body.length < 2_000_000, `${body.length} characters`);
    });
});

describe('examples of all operations of a document', () => {
  it('are found with one look at its paths, however many there are', () => {
    const responses = { 200: json({ example: { id: 1 } }) };
    const all = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`/p${n}#x`, { get: { responses } }]),
    );
    let looks = 0;
    const paths = new Proxy(all, {
      ownKeys(target) {
        looks += 1;
        return Reflect.ownKeys(target);
      },
    });
    const answerOf = exampleAnswers({ openapi: '3.0.3', paths });
    for (let n = 0; n < 100; n += 1)
      assert.equal(answerOf({ method: 'GET', path: `/p${n}` })?.body, '{"id":1}');
    assert.equal(looks, 1);
  });
});
