import assert from 'node:assert/strict';
import { referenceOf } from '../../../src/codegen/github/reference/index.js';
import { releaseTag } from '../../../src/codegen/github/rest/index.js';

const documentOf = (paths: object, more: object = {}) => ({
  openapi: '3.0.3',
  info: { title: 'Orders', version: '1.0', description: 'About orders.' },
  paths,
  ...more,
});

describe('the reference of a document', () => {
  it('has a file for each tag, one for operations without tags, and an index', async () => {
    const document = documentOf(
      {
        '/orders/{id}': {
          parameters: [
            { name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } },
          ],
          put: {
            tags: ['Orders & more'],
            summary: 'Change an order',
            description: 'First.\n\nSecond.',
            deprecated: true,
            requestBody: { $ref: '#/components/requestBodies/Order' },
            responses: {
              200: { $ref: '#/components/responses/Order' },
              404: { description: 'There is none' },
            },
          },
        },
        '/health': { get: { operationId: 'health', responses: {} } },
      },
      {
        tags: [{ name: 'Orders & more', description: 'What was ordered' }, { name: 'unused' }],
        components: {
          schemas: {
            Order: {
              type: 'object',
              required: ['items'],
              properties: {
                items: { type: 'array', items: { type: 'string' }, description: 'Names' },
                state: { type: 'string', enum: ['open', 'a|b'] },
              },
            },
          },
          requestBodies: {
            Order: {
              required: true,
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } },
            },
          },
          responses: {
            Order: {
              description: 'The order',
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } },
            },
          },
        },
      },
    );
    const files = await referenceOf(document);
    assert.deepEqual([...files.keys()], ['README.md', 'schemas.md', 'orders-more.md', 'other-operations.md']);
    assert.equal(
      files.get('README.md'),
      `# Orders

Version 1\\.0

About orders\\.

| Part | Operations | Description |
| --- | --- | --- |
| [Orders &amp; more](./orders-more.md) | 1 | What was ordered |
| [Other operations](./other-operations.md) | 1 |  |

The objects that bodies are made of: [Schemas](./schemas.md).
`,
    );
    assert.equal(
      files.get('schemas.md'),
      `# Schemas

## Order

\`object\`

| Field | Type | Required | Description |
| --- | --- | --- | --- |
| \`items\` | \`array of string\` | yes | Names |
| \`state\` | \`string: "open", "a\\|b"\` | no |  |
`,
    );
    assert.equal(
      files.get('orders-more.md'),
      `# Orders &amp; more

What was ordered

## Change an order

\`PUT /orders/{id}\` (deprecated)

First\\.

Second\\.

### Parameters

| Parameter | In | Type | Required | Description |
| --- | --- | --- | --- | --- |
| \`id\` | path | \`string (uuid)\` | yes |  |

### Request body

| Media type | Type | Required |
| --- | --- | --- |
| \`application/json\` | \`Order\` | yes |

| Field | Type | Required | Description |
| --- | --- | --- | --- |
| \`items\` | \`array of string\` | yes | Names |
| \`state\` | \`string: "open", "a\\|b"\` | no |  |

### Responses

| Status | Media type | Type | Description |
| --- | --- | --- | --- |
| \`200\` | \`application/json\` | \`Order\` | The order |
| \`404\` |  |  | There is none |

#### Body of \`200\`

| Field | Type | Required | Description |
| --- | --- | --- | --- |
| \`items\` | \`array of string\` | yes | Names |
| \`state\` | \`string: "open", "a\\|b"\` | no |  |
`,
    );
    assert.deepEqual(await referenceOf(structuredClone(document)), files);
  });

  const operationText = async (get: object, more: object = {}): Promise<string> =>
    (await referenceOf(documentOf({ '/a': { get } }, more))).get('other-operations.md') ?? '';

  it('says defaults, limits and examples of parameters and fields', async () => {
    const schema = {
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 64, pattern: '^a|b$', example: 'a' },
        count: { type: 'integer', default: 10, minimum: 1, maximum: 100, readOnly: true },
        tags: { type: 'array', items: { type: 'string' }, maxItems: 5, uniqueItems: true, default: [] },
      },
    };
    const text = await operationText({
      parameters: [
        { name: 'take', in: 'query', example: 20, schema: { type: 'integer', default: 10, maximum: 50 } },
      ],
      responses: { 200: { description: 'Done', content: { 'application/json': { schema } } } },
    });
    assert.match(
      text,
      /^\| Parameter \| In \| Type \| Required \| Values \| Description \|\n.*\n\| `take` \| query \| `integer` \| no \| `example: 20`, `default: 10`, `maximum: 50` \| {2}\|$/m,
    );
    assert.ok(
      text.endsWith(`#### Body of \`200\`

| Field | Type | Required | Values | Description |
| --- | --- | --- | --- | --- |
| \`name\` | \`string\` | no | \`minLength: 1\`, \`maxLength: 64\`, \`pattern: "^a\\|b$"\`, \`example: "a"\` |  |
| \`count\` | \`integer\` | no | \`default: 10\`, \`minimum: 1\`, \`maximum: 100\`, \`readOnly\` |  |
| \`tags\` | \`array of string\` | no | \`default: []\`, \`maxItems: 5\`, \`uniqueItems\` |  |
`),
      text,
    );
  });

  it('shows fields of objects within objects and lists, and those of all parts of an allOf', async () => {
    const line = { type: 'object', properties: { sku: { type: 'string' } } };
    const schema = {
      allOf: [
        { $ref: '#/components/schemas/Base' },
        {
          required: ['lines'],
          properties: {
            lines: { type: 'array', items: line },
            address: { properties: { city: { type: 'string' } } },
          },
        },
      ],
    };
    const text = await operationText(
      { responses: { 200: { description: '', content: { 'application/json': { schema } } } } },
      { components: { schemas: { Base: { properties: { id: { type: 'string', description: 'Own' } } } } } },
    );
    assert.deepEqual(
      text.split('\n').filter((row) => /^\| `[a-z.[\]]+` \|/.test(row)),
      [
        '| `id` | `string` | no | Own |',
        '| `lines` | `array of object` | yes |  |',
        '| `lines[].sku` | `string` | no |  |',
        '| `address` | `object` | no |  |',
        '| `address.city` | `string` | no |  |',
      ],
    );
  });

  it('shows the example of a body as a block of code', async () => {
    const media = { example: { id: 'a1', text: 'a ```` b' } };
    const text = await operationText({
      responses: { 200: { description: '', content: { 'application/json': media } } },
    });
    assert.ok(text.endsWith('Example:\n\n`````\n{\n  "id": "a1",\n  "text": "a ```` b"\n}\n`````\n'), text);
  });

  it('says how to authenticate, and what each operation asks for', async () => {
    const securitySchemes = {
      key: { type: 'apiKey', in: 'header', name: 'X-Key' },
      basic: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      oauth: {
        type: 'oauth2',
        description: 'Of the team',
        flows: {
          authorizationCode: {
            authorizationUrl: 'https://id.example.com/authorize',
            tokenUrl: 'https://id.example.com/token',
            scopes: { read: 'Read orders', write: 'Change orders' },
          },
        },
      },
      openid: { type: 'openIdConnect', openIdConnectUrl: 'https://id.example.com/.well-known' },
    };
    const security = [{ oauth: ['read', 'write'], key: [] }, { openid: [] }];
    const files = await referenceOf(
      documentOf(
        {
          '/a': { get: {} },
          '/b': { get: { security: [] } },
          '/c': { get: { security: [{ key: [] }, {}] } },
        },
        { security, components: { securitySchemes } },
      ),
    );
    assert.ok(
      files.get('README.md')?.endsWith(`## Authentication

| Scheme | Type | What to send | Description |
| --- | --- | --- | --- |
| \`key\` | apiKey | the key \`X-Key\` in: header |  |
| \`basic\` | http | \`Authorization\`: \`bearer\` (JWT) |  |
| \`oauth\` | oauth2 | a bearer token; authorization code: authorize at \`https://id.example.com/authorize\`, token at \`https://id.example.com/token\` | Of the team |
| \`openid\` | openIdConnect | a bearer token of the provider at \`https://id.example.com/.well-known\` |  |

| Scheme | Scope | Description |
| --- | --- | --- |
| \`oauth\` | \`read\` | Read orders |
| \`oauth\` | \`write\` | Change orders |
`),
      files.get('README.md'),
    );
    assert.deepEqual(files.get('other-operations.md')?.match(/^Authentication: .*$/gm), [
      'Authentication: `oauth` with `read`, `write` and `key`, or `openid`',
      'Authentication: none',
      'Authentication: `key`, or none',
    ]);
  });

  it('ends at schemas that are in themselves', async () => {
    const node = {
      type: 'object',
      properties: {
        next: { $ref: '#/components/schemas/Node' },
        list: { items: { $ref: '#/components/schemas/Node' } },
      },
      allOf: [{ $ref: '#/components/schemas/Node' }],
    };
    const text = await operationText(
      {
        responses: {
          200: { description: '', content: { a: { schema: { $ref: '#/components/schemas/Node' } } } },
        },
      },
      { components: { schemas: { Node: node } } },
    );
    assert.deepEqual(text.match(/^\| `(?:next|list)\S*` .*$/gm), [
      '| `next` | `Node` | no |  |',
      '| `list` | `array of Node` | no |  |',
    ]);
  });

  it('leaves fields to the file of schemas where 10,000 operations would repeat them', async () => {
    const properties = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`field${n}`, { type: 'string' }]),
    );
    const schema = { $ref: '#/components/schemas/Order' };
    const get = { responses: { 200: { description: 'Done', content: { 'application/json': { schema } } } } };
    const files = await referenceOf(
      documentOf(Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`/p${n}`, { get }])), {
        components: { schemas: { Order: { type: 'object', properties } } },
      }),
    );
    assert.match(files.get('schemas.md') ?? '', /^\| `field99` \|/m);
    const last = files.get('other-operations.md')?.slice(-100) ?? '';
    assert.match(last, /#### Body of `200`\n\nIts fields are in \[Schemas\]\(\.\/schemas\.md\)\.\n$/);
  });

  it('shows text of the document as it is written, and nothing that a renderer would run [SEC-C7]', async () => {
    const evil = [
      '<script>alert(1)</script>',
      '<img src=x onerror=alert(1)>',
      '[a](javascript:alert(1))',
      '![a](https://evil.example/x.png)',
      '```\ncode\n```',
      '    indented',
      '| a | b |\n| - | - |',
      '# heading\n\nsetext\n===',
      '<!-- comment',
      'https://evil.example @someone $x$ &lt;b&gt;',
      'a\u202eb\u0000c',
      '1. list\n- list\n> quote',
    ].join('\n\n');
    const EVIL_SCHEMA = {
      ...{ type: evil, format: evil, pattern: evil, default: evil, description: evil, minLength: evil },
      example: { [evil]: evil },
    };
    const files = await referenceOf(
      documentOf(
        {
          '/x`|<b>': {
            get: {
              tags: [evil],
              summary: evil,
              description: evil,
              parameters: [
                { name: 'a`b|c', in: evil, description: evil, schema: { $ref: '#/x/<script>`|' } },
                { name: evil, in: 'query', example: evil, schema: EVIL_SCHEMA },
              ],
              requestBody: { content: { [evil]: { schema: { properties: { [evil]: EVIL_SCHEMA } } } } },
              responses: { '<b>': { description: evil, content: { [evil]: { example: evil } } } },
              security: [{ [evil]: [evil] }],
            },
          },
        },
        {
          tags: [{ name: evil, description: evil }],
          components: {
            schemas: { [evil]: { properties: { [evil]: EVIL_SCHEMA } } },
            securitySchemes: {
              [evil]: { type: 'apiKey', in: evil, name: evil, description: evil },
              a: { type: 'http', scheme: evil, bearerFormat: evil },
              b: { type: 'openIdConnect', openIdConnectUrl: evil },
              c: {
                type: 'oauth2',
                flows: { implicit: { authorizationUrl: evil, tokenUrl: evil, scopes: { [evil]: evil } } },
              },
            },
          },
          info: { title: evil, version: evil, description: evil },
        },
      ),
    );
    assert.equal(files.size, 3);
    for (const [path, text] of files) {
      assert.match(path, /^[\p{L}\p{N}-]+\.md$/u);
      // What is in code is shown as it is.
      const outside = text
        .replace(/^(`{3,})\n[^]*?\n\1$/gm, '')
        .replace(/(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, '');
      assert.doesNotMatch(
        outside,
        /<|(?<!\\)[`@$]|(?<!\\)\]\((?!\.\/)|!\[|(?<!\\):\/\/|^ {4}|^(?:=|-|>|1\.)/m,
      );
      assert.ok(!text.includes('\u202e') && !text.includes('\0'));
      for (const row of outside.split('\n').filter((line) => line.startsWith('|')))
        assert.ok([3, 4, 5, 6].includes(row.split(/(?<!\\)\|/).length - 2), row);
    }
  });

  it('takes documents that have anything anywhere', async () => {
    for (const document of [
      {},
      { paths: null, tags: 'x', info: [] },
      documentOf({
        '/a': null,
        '/b': { get: 5 },
        '/c': { get: { tags: [5, ' '], parameters: 'x', responses: [] } },
      }),
      documentOf({ '/a': { $ref: '#/paths/~1a' } }),
      documentOf({
        '/a': { get: { requestBody: { $ref: '#/__proto__/x' }, parameters: [null, 5, { $ref: 'x' }] } },
      }),
    ])
      assert.ok((await referenceOf(document)).has('README.md'));
  });

  it('takes 10,000 operations, whose tags all want the same name of a file', async () => {
    const tagOf = (n: number): string => n.toString(2).replaceAll('0', '!').replaceAll('1', '?');
    const paths = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, n) => [`/p${n}`, { get: { tags: [tagOf(n)] } }]),
    );
    const files = [...(await referenceOf(documentOf(paths))).keys()];
    assert.deepEqual(
      [files.length, files[1], files[2], files.at(-1)],
      [10_001, 'tag.md', 'tag-2.md', 'tag-10000.md'],
    );
  });

  it('is refused where operations share what makes it too large, and answers others meanwhile', async () => {
    const get = { requestBody: { $ref: '#/components/requestBodies/Large' } };
    const document = documentOf(
      Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`/p${n}`, { get }])),
      { components: { requestBodies: { Large: { description: 'x'.repeat(10_000) } } } },
    );
    let turns = 0;
    const turn = setInterval(() => (turns += 1), 1);
    await assert.rejects(referenceOf(document), {
      status: 422,
      message:
        'the reference would have more than 20971520 characters; make the document smaller, or set syncDocs to false',
    });
    clearInterval(turn);
    assert.ok(turns > 3, String(turns));
  });

  it('does not search again a text or a schema of megabytes that many operations share', async () => {
    const shared = {
      name: 'n',
      in: 'query',
      description: `Begin${' x'.repeat(2 ** 22)}`,
      schema: { enum: ['a', 'y'.repeat(2 ** 22)] },
    };
    const paths = Object.fromEntries(
      Array.from({ length: 2000 }, (_, n) => [`/p${n}`, { get: { parameters: [{ $ref: '#/x-shared' }] } }]),
    );
    const began = process.cpuUsage();
    const files = await referenceOf(documentOf(paths, { 'x-shared': shared }));
    const { user } = process.cpuUsage(began);
    assert.ok(files.get('other-operations.md')?.includes('| Begin x x x'));
    assert.ok(user < 5_000_000, `${user} µs`);
  });

  it('reads once what is large and many parts of the document refer to [SEC-C12]', async () => {
    const numbered = <T>(count: number, of: (n: number) => T): Record<string, T> =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, of(n)]));
    const large = numbered(50_000, (n) => n);
    const scopes = numbered(50_000, () => '');
    const example = { $ref: '#/components/examples/large' };
    const content = { 'application/json': { schema: { $ref: '#/components/schemas/large' } } };
    const get = {
      parameters: Object.keys(numbered(500, () => 0)).map((name) => ({ name, examples: { example } })),
      responses: numbered(10, () => ({ content: { ...content } })),
    };
    const components = {
      examples: { large: { value: large } },
      schemas: {
        large: { example: large, properties: numbered(50_000, () => ({})) },
        ...numbered(200, () => ({ allOf: [{ $ref: '#/components/schemas/large' }] })),
      },
      securitySchemes: {
        all: { type: 'oauth2', flows: { implicit: { scopes } } },
        ...numbered(400, () => ({ $ref: '#/components/securitySchemes/all' })),
      },
    };
    const began = process.cpuUsage();
    const files = await referenceOf(documentOf({ '/a': { get } }, { components }));
    const { user } = process.cpuUsage(began);
    assert.match(files.get('README.md') ?? '', /\| `all` \| `k499` \| {2}\|\n\nAnd 20049500 more\.\n$/);
    assert.match(
      files.get('schemas.md') ?? '',
      /\| `k499` \| `any` \| no \| {2}\|\n\nAnd at least 1500 more\.\n/,
    );
    assert.ok(user < 5_000_000, `${user} µs`);
  });

  it('ends where the job of it is ended', async () => {
    const ended = AbortSignal.abort(new Error('cancelled'));
    await assert.rejects(referenceOf(documentOf({ '/a': { get: {} } }), ended), { message: 'cancelled' });
  });

  it('keeps a pipe in the cell that it is in, whatever stands before it [SEC-C7]', async () => {
    const parameters = ['a|b', String.raw`a\|b`, String.raw`a\\|b`, String.raw`a\\\|b`].map((name) => ({
      name,
    }));
    const files = await referenceOf(documentOf({ '/a': { get: { parameters } } }));
    const names = (files.get('other-operations.md') ?? '').match(/(?<=^\| `)a[^`]*/gm);
    assert.deepEqual(names, [String.raw`a\|b`, String.raw`a\|b`, String.raw`a\\\|b`, String.raw`a\\\|b`]);
  });

  it('says how many rows of a long table are left out', async () => {
    const parameters = Array.from({ length: 501 }, (_, n) => ({ name: `p${n}`, in: 'query' }));
    const files = await referenceOf(documentOf({ '/a': { get: { parameters } } }));
    assert.match(files.get('other-operations.md') ?? '', /\| `p499` \|[^\n]*\n\nAnd 1 more\.\n$/);
  });

  it('gives files names that no other has, in whatever case', async () => {
    const tags = ['Orders', 'orders', 'ORDERS!', 'readme', '../../x', '订单', '…', 'x'.repeat(300)];
    const paths = Object.fromEntries(
      tags.map((tag, n) => [`/${n}`, { get: { tags: [tag], responses: {} } }]),
    );
    assert.deepEqual(
      [...(await referenceOf(documentOf(paths))).keys()],
      [
        'README.md',
        'orders.md',
        'orders-2.md',
        'orders-3.md',
        'readme-2.md',
        'x.md',
        '订单.md',
        'tag.md',
        `${'x'.repeat(60)}.md`,
      ],
    );
  });
});

describe('the tag of a release', () => {
  it('is a name that Git lets a tag have', () => {
    for (const [version, tag] of [
      ['1.2.0', 'sdk-x-v1.2.0'],
      [' 2024 / beta~^:?*[ ', 'sdk-x-v2024-beta'],
      ['1..2.lock', 'sdk-x-v1.2'],
      ['@{x}', 'sdk-x-v-x'],
    ] as const)
      assert.equal(releaseTag('x', version), tag);
  });
});
