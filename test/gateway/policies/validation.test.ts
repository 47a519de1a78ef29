import assert from 'node:assert/strict';
import { createServer, request as send, type OutgoingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { openRequestValidation, type Validated } from '../../../src/gateway/policies/validation/index.js';
import type { CompiledOperation } from '../../../src/gateway/types.js';
import { operation } from './support.js';

const STEP = { body: true, query: true, headers: true, maxBytes: 1000 };
const CREATE = operation('POST /items');
const LIST = operation('GET /items');
const UPLOAD = operation('PUT /files');
const FORM = operation('POST /form');

const json = (schema: unknown) => ({ required: true, content: { 'application/json': { schema } } });
const ITEM = {
  type: 'object',
  required: ['name', 'id'],
  additionalProperties: false,
  properties: {
    id: { type: 'integer', readOnly: true },
    name: { type: 'string', minLength: 1, pattern: '^[a-z]+$' },
    price: { type: 'number', minimum: 0, exclusiveMinimum: true },
    note: { type: 'string', nullable: true },
    parent: { $ref: '#/components/schemas/Item' },
    tags: { type: 'array', uniqueItems: true, items: { type: 'string' } },
    since: { type: 'string', format: 'date' },
  },
};
const query = (name: string, schema: unknown, more: object = {}) => ({ in: 'query', name, schema, ...more });

const V30 = {
  openapi: '3.0.3',
  components: {
    schemas: { Item: ITEM },
    parameters: { Page: query('page', { type: 'integer', minimum: 1 }) },
  },
  paths: {
    '/items': {
      parameters: [query('limit', { type: 'string' })],
      post: { requestBody: json({ $ref: '#/components/schemas/Item' }) },
      get: {
        parameters: [
          { $ref: '#/components/parameters/Page' },
          query('limit', { type: 'integer', maximum: 100 }),
          query('q', { type: 'string' }, { required: true }),
          query('ids', { type: 'array', items: { type: 'integer' } }, { explode: false }),
          query('each', { type: 'array', items: { type: 'integer' } }),
          query('piped', { type: 'array', items: { type: 'integer' } }, { style: 'pipeDelimited' }),
          query(
            'filter',
            { type: 'object', properties: { size: { type: 'integer' } } },
            { style: 'deepObject' },
          ),
          query('flag', { type: 'boolean' }, { allowEmptyValue: true }),
          {
            in: 'query',
            name: 'where',
            content: { 'application/json': { schema: { type: 'object', required: ['a'] } } },
          },
          { in: 'header', name: 'X-Trace', schema: { type: 'integer' } },
          { in: 'header', name: 'Accept', required: true, schema: { type: 'integer' } },
        ],
      },
    },
    '/files': {
      put: {
        requestBody: { content: { 'image/*': {}, 'multipart/form-data': { schema: { type: 'object' } } } },
      },
    },
    '/form#one': {
      post: {
        requestBody: {
          content: {
            'application/x-www-form-urlencoded': {
              schema: {
                type: 'object',
                required: ['n'],
                properties: {
                  n: { type: 'integer' },
                  s: { maxLength: 1 },
                  l: { type: 'array', items: { type: 'integer' } },
                },
              },
            },
          },
        },
      },
    },
    '/form#two': { post: { requestBody: json({ type: 'object', required: ['x'] }) } },
  },
};

/** A server that checks each request, and what it answers. */
function openChecker() {
  const validation = openRequestValidation();
  let next: { operation: CompiledOperation; document: object; step: typeof STEP } | undefined;
  let resolve: (validated: Validated) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  let asked: () => void = () => undefined;
  let server: Server;
  return {
    async open() {
      server = createServer((request, response) => {
        assert.ok(next);
        const call = {
          request,
          query: request.url?.split('?')[1],
          operation: next.operation,
          revision: { openapi: () => Promise.resolve(next?.document as Record<string, unknown>) },
          idleMs: 300_000,
          askForBody: () => asked(),
        };
        validation.validate(next.step, call).then((validated) => {
          resolve(validated);
          response.end();
        }, reject);
      });
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    },
    close: () => new Promise((closed) => server.close(closed)),
    async check(
      called: CompiledOperation,
      {
        path = '/',
        headers = {},
        body,
        document = V30,
        step = STEP,
        unfinished = false,
      }: {
        path?: string;
        headers?: OutgoingHttpHeaders;
        body?: string | Buffer;
        document?: object;
        step?: typeof STEP;
        unfinished?: boolean;
      },
    ): Promise<Validated> {
      next = { operation: called, document, step };
      const answered = new Promise<Validated>((yes, no) => ([resolve, reject] = [yes, no]));
      const { port } = server.address() as AddressInfo;
      const outgoing = send({ port, host: '127.0.0.1', path, method: called.method, headers, agent: false });
      outgoing.on('error', () => undefined);
      if (unfinished) {
        outgoing.write(body);
        const reading = new Promise<void>((begun) => (asked = begun));
        void Promise.race([reading, answered]).then(() => outgoing.destroy());
      } else outgoing.end(body);
      return answered;
    },
  };
}

describe('validateRequest', () => {
  const checker = openChecker();
  before(() => checker.open());
  after(() => checker.close());

  /** The word, and where each error is. */
  const said = (validated: Validated): string => {
    if (!('problem' in validated)) return 'passes';
    const errors = (validated.problem.extensions?.['errors'] ?? []) as {
      in: string;
      name?: string;
      pointer?: string;
      message: string;
    }[];
    const places = errors.map(
      (error) => `${error.in} ${error.name ?? ''}${error.pointer ?? ''}: ${error.message}`,
    );
    return [validated.problem.word, ...places].join(' | ');
  };

  const JSON_TYPE = { 'content-type': 'application/json' };
  const BODIES: [title: string, body: string, expected: string][] = [
    [
      'a body that fits',
      '{"name":"a","note":null,"price":0.1,"parent":{"name":"b"},"since":"2024-02-29"}',
      'passes',
    ],
    ['a body without what is required', '{}', 'invalid-request | body : must have the property "name"'],
    [
      'a property that is not known',
      '{"name":"a","x":1}',
      'invalid-request | body : must not have the property "x"',
    ],
    ['another type', '{"name":1}', 'invalid-request | body /name: must be string'],
    ['a number in a text', '{"name":"a","price":"1"}', 'invalid-request | body /price: must be number'],
    [
      'a number at an exclusive limit',
      '{"name":"a","price":0}',
      'invalid-request | body /price: must be > 0',
    ],
    [
      'a number that no reader can keep',
      '{"name":"a","price":1e999}',
      'invalid-request | body /price: must be number',
    ],
    [
      'an error in a circular schema',
      '{"name":"a","parent":{"name":"B"}}',
      'invalid-request | body /parent/name: must match pattern "^[a-z]+$"',
    ],
    [
      'an item twice',
      '{"name":"a","tags":["x","x"]}',
      'invalid-request | body /tags: must not have the same item twice',
    ],
    [
      'a date that is not in the calendar',
      '{"name":"a","since":"2023-02-29"}',
      'invalid-request | body /since: must match format "date"',
    ],
    ['what is no JSON', '{"name":', 'invalid-request | body : must be JSON; it is not from character 8 on'],
    [
      'a byte order mark',
      '\uFEFF{"name":"a"}',
      'invalid-request | body : must be JSON; it is not from character 0 on',
    ],
    [
      'a name twice',
      '{"name":"a","name":"b"}',
      'invalid-request | body : must not have the name "name" twice in one object',
    ],
    [
      'a name twice, once escaped',
      '{"name":"a","n\\u0061me":"b"}',
      'invalid-request | body : must not have the name "n\\u0061me" twice in one object',
    ],
    [
      'JSON that nests too deep',
      `${'['.repeat(100)}${']'.repeat(100)}`,
      'invalid-request | body : must not nest deeper than 64 levels',
    ],
    [
      'the name __proto__',
      '{"name":"a","__proto__":{}}',
      'invalid-request | body : must not have the property "__proto__"',
    ],
  ];
  for (const [title, body, expected] of BODIES)
    it(`${expected === 'passes' ? 'takes' : 'refuses'} ${title}`, async () =>
      assert.equal(said(await checker.check(CREATE, { headers: JSON_TYPE, body })), expected));

  it('gives the body to the plane byte for byte', async () => {
    const body = '{ "name" :"a" }\n';
    assert.deepEqual(await checker.check(CREATE, { headers: JSON_TYPE, body }), { body: Buffer.from(body) });
  });

  it('gives the body to the plane as it was compressed', async () => {
    const body = gzipSync('{"name":"a"}');
    const headers = { ...JSON_TYPE, 'content-encoding': 'gzip' };
    assert.deepEqual(await checker.check(CREATE, { headers, body }), { body });
  });

  const REFUSED: [
    title: string,
    headers: OutgoingHttpHeaders,
    body: string | Buffer | undefined,
    expected: string,
  ][] = [
    ['no body where one is required', {}, undefined, 'invalid-request | body : is missing'],
    ['a body without a type', { 'content-length': '2' }, '{}', 'media-type'],
    ['another type', { 'content-type': 'text/plain' }, '{}', 'media-type'],
    ['another text encoding', { 'content-type': 'application/json; charset="utf-16"' }, '{}', 'media-type'],
    ['an unknown content encoding', { ...JSON_TYPE, 'content-encoding': 'br' }, '{}', 'media-type'],
    ['two content encodings', { ...JSON_TYPE, 'content-encoding': 'gzip, gzip' }, '{}', 'media-type'],
    ['two types', { 'content-type': ['application/json', 'text/plain'] }, '{"name":"a"}', 'media-type'],
    [
      'a type in another spelling as well',
      { ...JSON_TYPE, content_type: 'text/plain' },
      '{"name":"a"}',
      'media-type',
    ],
    [
      'a type that Connection keeps from the backend',
      { ...JSON_TYPE, connection: 'content-type' },
      '{"name":"a"}',
      'media-type',
    ],
    [
      'a content encoding that Connection keeps from the backend',
      { ...JSON_TYPE, 'content-encoding': 'gzip', connection: 'close, Content-Encoding' },
      gzipSync('{"name":"a"}'),
      'invalid-request | body : must be UTF-8',
    ],
    [
      'two text encodings',
      { 'content-type': 'application/json; x="; charset=utf-8"; charset=utf-7' },
      '{"name":"a"}',
      'media-type',
    ],
    [
      'a text encoding in another form',
      { 'content-type': "application/json; charset*=us-ascii''utf-7" },
      '{"name":"a"}',
      'media-type',
    ],
    ['what is not gzip', { ...JSON_TYPE, 'content-encoding': 'gzip' }, '{}', 'invalid-request'],
    [
      'bytes that are no UTF-8',
      JSON_TYPE,
      Buffer.from([0x22, 0xff, 0x22]),
      'invalid-request | body : must be UTF-8',
    ],
    ['a body that says that it is too long', JSON_TYPE, `"${'x'.repeat(1000)}"`, 'too-large'],
    [
      'a body that becomes too long',
      { ...JSON_TYPE, 'transfer-encoding': 'chunked' },
      `"${'x'.repeat(1000)}"`,
      'too-large',
    ],
    [
      'a short body that decompresses to a long one',
      { ...JSON_TYPE, 'content-encoding': 'gzip' },
      gzipSync('x'.repeat(100_000)),
      'too-large',
    ],
  ];
  for (const [title, headers, body, expected] of REFUSED)
    it(`refuses ${title} [SEC-G21]`, async () => {
      const validated = await checker.check(CREATE, { headers, ...(body !== undefined && { body }) });
      assert.equal(said(validated), expected);
    });

  it('refuses a body where the document has none', async () =>
    assert.equal(
      said(
        await checker.check(LIST, {
          path: '/?q=1',
          headers: { ...JSON_TYPE, 'content-length': '2' },
          body: '{}',
        }),
      ),
      'media-type',
    ));

  it('reads a body that is too long only until it is [SEC-G21]', async () => {
    const validated = await checker.check(CREATE, {
      headers: { ...JSON_TYPE, 'content-length': '1000000000' },
      body: '{',
      unfinished: true,
    });
    assert.ok('problem' in validated);
    assert.equal(validated.problem.word, 'too-large');
    assert.deepEqual(validated.problem.headers, { Connection: 'close' });
  });

  it('rejects where the caller breaks its body off', async () => {
    await assert.rejects(
      checker.check(CREATE, {
        headers: { ...JSON_TYPE, 'content-length': '10' },
        body: '{',
        unfinished: true,
      }),
    );
  });

  const TYPES: [type: string, expected: string][] = [
    ['image/png', 'passes'],
    ['multipart/form-data; boundary=x', 'passes'],
    ['text/html', 'media-type'],
  ];
  for (const [type, expected] of TYPES)
    it(`${expected === 'passes' ? 'takes' : 'refuses'} ${type} by its type alone`, async () =>
      assert.equal(
        said(await checker.check(UPLOAD, { headers: { 'content-type': type }, body: 'x' })),
        expected,
      ));

  const FORMS: [body: string, expected: string][] = [
    ['n=1&l=1&l=2', 'passes'],
    ['n=x', 'invalid-request | body /n: must be integer'],
    ['l=1', 'invalid-request | body : must have the property "n"'],
    ['n=1&n=2', 'invalid-request | body /n: must not be given more than once'],
    ['n=%zz', 'invalid-request | body : must be percent-encoded UTF-8'],
    ['n=1&s=é', 'passes'],
    ['n=1&s=éé', 'invalid-request | body /s: must NOT have more than 1 characters'],
  ];
  for (const [body, expected] of FORMS)
    it(`checks the form ${body}`, async () =>
      assert.equal(
        said(
          await checker.check(FORM, {
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
            body,
          }),
        ),
        expected,
      ));

  it('takes the body of any of the operations that differ only behind #', async () => {
    assert.equal(said(await checker.check(FORM, { headers: JSON_TYPE, body: '{"x":1}' })), 'passes');
    assert.equal(
      said(await checker.check(FORM, { headers: JSON_TYPE, body: '{}' })),
      'invalid-request | body : must have the property "x"',
    );
  });

  const QUERIES: [query: string, expected: string][] = [
    ['q=a', 'passes'],
    ['q=a&unknown=1', 'passes'],
    ['', 'invalid-request | query q: is missing'],
    ['q=a&q=b', 'invalid-request | query q: must not be given more than once'],
    ['q=a&%71=b', 'invalid-request | query q: must not be given more than once'],
    ['q=%', 'invalid-request | query : must be percent-encoded UTF-8'],
    ['q=%ff', 'invalid-request | query : must be percent-encoded UTF-8'],
    ['q=a&page=0', 'invalid-request | query page: must be >= 1'],
    ['q=a&page=1.5', 'invalid-request | query page: must be integer'],
    ['q=a&limit=101', 'invalid-request | query limit: must be <= 100'],
    ['q=a&ids=1,2', 'passes'],
    ['q=a&ids=1%2C2', 'passes'],
    ['q=a&ids=1,x', 'invalid-request | query ids/1: must be integer'],
    ['q=a&each=1&each=x', 'invalid-request | query each/1: must be integer'],
    ['q=a&piped=1%7C2', 'passes'],
    ['q=a&filter[size]=1', 'passes'],
    ['q=a&filter%5Bsize%5D=x', 'invalid-request | query filter/size: must be integer'],
    ['q=a&flag=', 'passes'],
    ['q=a&flag=maybe', 'invalid-request | query flag: must be boolean'],
    ['q=a&where=%7B%22a%22:1%7D', 'passes'],
    ['q=a&where=%7B%7D', 'invalid-request | query where: must have the property "a"'],
    [
      'page=x&limit=x',
      'invalid-request | query page: must be integer | query limit: must be integer | query q: is missing',
    ],
  ];
  for (const [text, expected] of QUERIES)
    it(`${expected === 'passes' ? 'takes' : 'refuses'} the query ${text || 'without what is required'}`, async () => {
      const parts = expected.split(' | ').sort();
      assert.deepEqual(
        said(await checker.check(LIST, { path: `/?${text}` }))
          .split(' | ')
          .sort(),
        parts,
      );
    });

  it('checks headers only where the policy says so', async () => {
    const call = { path: '/?q=a', headers: { 'x-trace': 'x' } };
    assert.equal(said(await checker.check(LIST, call)), 'invalid-request | header X-Trace: must be integer');
    assert.equal(said(await checker.check(LIST, { ...call, step: { ...STEP, headers: false } })), 'passes');
    const spelled = { ...call, headers: { x_trace: 'x' } };
    assert.equal(
      said(await checker.check(LIST, spelled)),
      'invalid-request | header X-Trace: must be integer',
    );
  });

  it('leaves out what the policy switches off', async () => {
    const step = { ...STEP, body: false, query: false };
    assert.equal(said(await checker.check(LIST, { step })), 'passes');
    assert.deepEqual(await checker.check(CREATE, { step, body: 'x' }), { body: undefined });
  });

  const bodyOf = (schema: unknown, schemas: unknown = {}) => ({
    openapi: '3.1.0',
    components: { schemas },
    paths: { '/items': { post: { requestBody: json(schema) } } },
  });
  const checkJson = async (document: object, value: unknown, maxBytes = 4_000_000): Promise<string> =>
    said(
      await checker.check(operation('POST /items'), {
        document,
        headers: JSON_TYPE,
        body: JSON.stringify(value),
        step: { ...STEP, maxBytes },
      }),
    );

  it('understands the schemas of OpenAPI 3.1', async () => {
    const document = bodyOf({
      type: ['array', 'null'],
      prefixItems: [{ const: 1 }],
      items: { type: 'string' },
      exclusiveMinimum: 0,
    });
    assert.equal(await checkJson(document, [1, 'a']), 'passes');
    assert.equal(await checkJson(document, null), 'passes');
    assert.equal(await checkJson(document, [2]), 'invalid-request | body /0: must be one of 1');
    assert.equal(await checkJson(document, [1, 2]), 'invalid-request | body /1: must be string');
  });

  const UNCHECKABLE: [string, object][] = [
    ['a back reference', bodyOf({ type: 'string', pattern: '(a)\\1' })],
    ['a pattern that is none', bodyOf({ type: 'string', pattern: '(' })],
    ['a reference out of the document', bodyOf({ $ref: 'https://example.com/schema' })],
    ['a reference to nothing', bodyOf({ $ref: '#/components/schemas/None' })],
    ['a rule of another type', bodyOf({ type: 'integer', minimum: 'one' })],
    ['too many schemas', bodyOf({ allOf: Array.from({ length: 2001 }, () => ({})) })],
  ];
  for (const [title, document] of UNCHECKABLE)
    it(`passes nothing unchecked by a document with ${title} [SEC-G21]`, async () =>
      assert.equal(await checkJson(document, 'aa'), 'invalid-request'));

  it('checks patterns in time that is in proportion to the text', async () => {
    const document = bodyOf({ type: 'string', pattern: '^(a+)+$' });
    assert.equal(
      await checkJson(document, `${'a'.repeat(5000)}!`),
      'invalid-request | body : must match pattern "^(a+)+$"',
    );
  });

  for (const [title, schema] of [
    ['enum', { enum: [{ a: 1 }, [2]] }],
    ['const', { const: { a: 1 } }],
    ['uniqueItems', { type: 'array', uniqueItems: true }],
  ] as [string, object][])
    it(`compares what has the names of an object's own methods: ${title}`, async () => {
      for (const name of ['valueOf', 'toString', 'toJSON', 'constructor', '__proto__']) {
        const value = JSON.parse(`[{"${name}":1},{"${name}":1}]`) as unknown[];
        const sent = title === 'uniqueItems' ? value : value[0];
        assert.match(await checkJson(bodyOf(schema), sent, 1000), /^invalid-request/);
      }
    });

  it('takes an object that an enum lists, whatever the order of its names', async () => {
    const document = bodyOf({ enum: [{ a: 1, b: 2 }] });
    assert.equal(await checkJson(document, { b: 2, a: 1 }, 1000), 'passes');
  });

  /** Each doubles the work with each level. */
  const DOUBLING = Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => [
      `S${at}`,
      { allOf: [{ $ref: `#/components/schemas/S${at + 1}` }, { $ref: `#/components/schemas/S${at + 1}` }] },
    ]),
  );
  const COSTLY: [string, object, unknown][] = [
    ['schemas that double', bodyOf({ $ref: '#/components/schemas/S0' }, { ...DOUBLING, S40: {} }), 1],
    [
      'a schema that contains itself',
      bodyOf({ $ref: '#/components/schemas/A' }, { A: { allOf: [{ $ref: '#/components/schemas/A' }] } }),
      1,
    ],
    [
      'many long items to compare',
      bodyOf({ type: 'array', uniqueItems: true, items: { type: 'array', uniqueItems: true } }),
      Array.from({ length: 60 }, () => Array.from({ length: 20_000 }, (_, at) => at)),
    ],
    [
      'a long text for an ambiguous pattern',
      bodyOf({ type: 'string', pattern: '(a|a)*b' }),
      'a'.repeat(2_000_000),
    ],
  ];
  for (const [title, document, value] of COSTLY)
    it(`stops in bounded time with ${title} [SEC-G21]`, async () => {
      assert.match(await checkJson(document, value, 8_000_000), /^invalid-request/);
    });
});
