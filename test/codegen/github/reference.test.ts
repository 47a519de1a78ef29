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
    assert.deepEqual([...files.keys()], ['README.md', 'orders-more.md', 'other-operations.md']);
    assert.equal(
      files.get('README.md'),
      `# Orders

Version 1\\.0

About orders\\.

| Part | Operations | Description |
| --- | --- | --- |
| [Orders &amp; more](./orders-more.md) | 1 | What was ordered |
| [Other operations](./other-operations.md) | 1 |  |
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
`,
    );
    assert.deepEqual(await referenceOf(structuredClone(document)), files);
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
              ],
              responses: { '<b>': { description: evil } },
            },
          },
        },
        {
          tags: [{ name: evil, description: evil }],
          info: { title: evil, version: evil, description: evil },
        },
      ),
    );
    assert.equal(files.size, 2);
    for (const [path, text] of files) {
      assert.match(path, /^[\p{L}\p{N}-]+\.md$/u);
      // What is in code is shown as it is.
      const outside = text.replace(/(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, '');
      assert.doesNotMatch(
        outside,
        /<|(?<!\\)[`@$]|(?<!\\)\]\((?!\.\/)|!\[|(?<!\\):\/\/|^ {4}|^(?:=|-|>|1\.)/m,
      );
      assert.ok(!text.includes('\u202e') && !text.includes('\0'));
      for (const row of text.split('\n').filter((line) => line.startsWith('|')))
        assert.ok([3, 4, 5].includes(row.split(/(?<!\\)\|/).length - 2), row);
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
