import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Documents } from '../../../src/gateway/documents/index.js';
import { ruleMistakes } from '../../../src/gateway/documents/rules.js';
import { adviceOf } from '../../../src/gateway/documents/specification-messages.js';
import { DocumentRefused, type DocumentProblem } from '../../../src/gateway/types.js';
import { documents } from '../../support/documents.js';

/** A document that is good, as YAML lines. */
const HEAD = 'openapi: 3.0.3\ninfo: {title: Orders, version: "1"}\n';
const PATHS = `${HEAD}paths:\n`;
const OPERATION = 'responses: {"200": {description: good}}';
const nested = (levels: number): string => `${PATHS}  x-deep: ${'['.repeat(levels)}${']'.repeat(levels)}`;

async function problemsOf(source: Parameters<Documents['prepare']>[0]) {
  try {
    await documents.prepare(source);
  } catch (error) {
    assert.ok(error instanceof DocumentRefused, String(error));
    return error.problems;
  }
  return [];
}

type Row = [title: string, text: string, expected: Partial<DocumentProblem>];

const SYNTAX: Row[] = [
  ['nothing', '', { rule: 'empty' }],
  ['blanks', ' \n\n', { rule: 'empty' }],
  ['a byte order mark alone', '\ufeff', { rule: 'empty' }],
  ['null', 'null', { rule: 'empty' }],
  ['a list', '[1]', { rule: 'notObject', line: 1, column: 1 }],
  ['a text', '"openapi"', { rule: 'notObject', line: 1, column: 1 }],
  [
    'a file name',
    'orders.json',
    {
      rule: 'notObject',
      message: 'Send an object, not "orders.json". A text must be the JSON or YAML itself.',
    },
  ],
  [
    'an address',
    'https://example.com/openapi.json',
    {
      rule: 'notObject',
      message:
        'Send an object, not "https://example.com/openapi.json". The address of a document goes into swaggerUrl.',
    },
  ],
  ['a number', '3.1', { rule: 'notObject' }],
  ['broken JSON', '{"openapi": "3.0.3",\n "info"}', { rule: 'syntax', line: 2, column: 8 }],
  ['JSON with something behind it', '{"a": 1}\n}', { rule: 'syntax', line: 2, column: 1 }],
  ['tabs as indentation', `${HEAD}paths:\n\t/a: {}`, { rule: 'syntax', line: 4, column: 1 }],
  ['two YAML documents', 'a: 1\n---\nb: 2', { rule: 'syntax', line: 2 }],
  ['a tag of another language', 'a: 1\nb: !!js/function x', { rule: 'syntax', line: 2, column: 4 }],
  ['a tag of its own', 'a: !Ref x', { rule: 'syntax', line: 1, column: 4 }],
  [
    'a key twice in JSON',
    '{"a": 1,\n "b": {"c": 1, "c": 2}}',
    { rule: 'duplicateKey', path: '/b/c', line: 2, column: 16 },
  ],
  ['a key twice in YAML', 'a: 1\nb: 2\na: 3', { rule: 'duplicateKey', line: 3, column: 1 }],
  [
    'a key twice as number and text',
    'a:\n  200: 1\n  "200": 2',
    { rule: 'duplicateKey', line: 3, column: 3 },
  ],
  ['a list as a key', '? [a]\n: 1', { rule: 'key', line: 1, column: 3 }],
  ['no key', '~: 1', { rule: 'key', line: 1, column: 1 }],
  [
    '__proto__ in JSON',
    '{"a": {"__proto__": {}}}',
    { rule: 'forbiddenKey', path: '/a/__proto__', line: 1, column: 8 },
  ],
  [
    '__proto__ in YAML',
    'a:\n  __proto__: {b: 1}',
    { rule: 'forbiddenKey', path: '/a/__proto__', line: 2, column: 3 },
  ],
  ['half a character pair', '{"a":\n "\\ud800"}', { rule: 'characters', path: '/a', line: 1, column: 2 }],
  ['half a character pair in a key', '{"\\udc00": 1}', { rule: 'characters' }],
  ['half a character pair in the text', 'a: \ud800', { rule: 'characters', line: 1, column: 4 }],
  ['NUL', 'a: 1\nb: \0', { rule: 'characters', line: 2, column: 4 }],
  ['no finite number', 'a: .nan', { rule: 'number', path: '/a' }],
  ['a number beyond JSON', '{"a": 1e999}', { rule: 'number', path: '/a', line: 1, column: 2 }],
  ['101 levels of JSON', `{"a":${'['.repeat(100)}${']'.repeat(100)}}`, { rule: 'tooDeep', line: 1 }],
  ['many levels of JSON', `{"a":\n${'['.repeat(500_000)}`, { rule: 'tooDeep', line: 2 }],
  ['many levels of YAML in brackets', `a: ${'['.repeat(500_000)}`, { rule: 'tooDeep', line: 1 }],
  ['many levels of YAML in lines', '- '.repeat(100_000), { rule: 'tooDeep', line: 1 }],
  ['101 aliases', `a: &a 1\nb:\n${'  - *a\n'.repeat(101)}`, { rule: 'tooManyAliases', line: 103, column: 5 }],
  ['an alias of nothing', 'a: *b', { rule: 'alias', line: 1, column: 4 }],
  ['an alias in itself', 'a: &a\n  b: *a', { rule: 'alias', path: '/a/b', line: 2, column: 3 }],
  ['a merge with itself', 'a: &a\n  <<: *a', {}],
  ['20 MB', `${PATHS}  x-a: ${'x'.repeat(20_000_000)}`, { rule: 'tooLarge' }],
  ['more than 16 MiB of UTF-8', `${PATHS}  x-a: ${'é'.repeat(8_500_000)}`, { rule: 'tooLarge' }],
];

/** Each line has nine aliases of the line before it. */
const LAUGHS = [
  'a0: &a0 lol',
  ...Array.from({ length: 10 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`),
].join('\n');

const DOCUMENTS: Row[] = [
  ['a billion laughs', LAUGHS, { rule: 'tooLarge' }],
  ['no version', 'info: {}', { rule: 'version', path: '', line: 1 }],
  [
    'another format',
    'asyncapi: 3.0.0',
    { rule: 'version', message: 'Add "openapi" with the version of OpenAPI, such as "3.1.0".' },
  ],
  [
    'a version without quotes',
    'swagger: 2.0',
    { rule: 'version', message: 'Write the version in quotes: swagger: "2".', line: 1 },
  ],
  ['OpenAPI 3.2', 'info: {}\nopenapi: 3.2.0', { rule: 'version', path: '/openapi', line: 2 }],
  ['Swagger 1.2', '{"swagger": "1.2"}', { rule: 'version', line: 1, column: 2 }],
  ['OpenAPI 4', '{"openapi": "4.0.0"}', { rule: 'version' }],
  ['no info', 'openapi: 3.0.3\npaths: {}', { rule: 'required', message: 'Add "info".', path: '' }],
  [
    'an unknown key',
    `${HEAD}paths: {}\nrouts: {}`,
    { rule: 'additionalProperties', path: '/routs', line: 4, column: 1 },
  ],
  [
    'an unknown key in OpenAPI 3.1',
    'openapi: 3.1.0\ninfo: {title: a, version: "1"}\npaths: {}\nrouts: {}',
    { rule: 'unevaluatedProperties', path: '/routs', line: 4 },
  ],
  [
    'a path without a slash',
    `${PATHS}  a: {}`,
    { path: '/paths/a', message: 'Begin the path "a" with "/".', line: 4, column: 3 },
  ],
  [
    'a path without a slash in OpenAPI 3.1',
    'openapi: 3.1.0\ninfo: {title: a, version: "1"}\npaths:\n  a: {}',
    { message: 'Begin the path "a" with "/".', line: 4 },
  ],
  [
    'a path without a slash in Swagger 2',
    'swagger: "2.0"\ninfo: {title: a, version: "1"}\npaths:\n  a: {}',
    { message: 'Begin the path "a" with "/".', line: 4 },
  ],
  [
    'no responses',
    `${PATHS}  /a:\n    get: {}`,
    { rule: 'required', message: 'Add "responses".', path: '/paths/~1a/get', line: 5, column: 5 },
  ],
  [
    'a wrong type',
    `${HEAD}paths: []`,
    { rule: 'type', message: 'Write this as object.', path: '/paths', line: 3 },
  ],
  [
    'a parameter in a wrong place',
    `${PATHS}  /a:\n    get:\n      parameters: [{name: a, in: body, schema: {}}]\n      ${OPERATION}`,
    { path: '/paths/~1a/get/parameters/0/in', line: 6 },
  ],
  [
    'a flow without its address',
    `${HEAD}paths: {}\ncomponents:\n  securitySchemes:\n    a: {type: oauth2, flows: {implicit: {scopes: {}}}}`,
    { message: 'Add "authorizationUrl".', path: '/components/securitySchemes/a/flows/implicit', line: 6 },
  ],
  [
    'a security scheme without a name',
    `${HEAD}paths: {}\ncomponents:\n  securitySchemes:\n    a: {type: apiKey, in: header}`,
    { message: 'Add "name".', path: '/components/securitySchemes/a', line: 6 },
  ],
  [
    'an unknown security scheme',
    `${HEAD}paths: {}\ncomponents:\n  securitySchemes:\n    a: {type: basic}`,
    { path: '/components/securitySchemes/a/type', line: 6 },
  ],
  [
    'a template without a parameter',
    `${PATHS}  /a/{id}:\n    get: {${OPERATION}}`,
    { rule: 'specification', path: '/paths/~1a~1{id}/get', line: 5, column: 5 },
  ],
  [
    'a name of a component with a blank',
    `${PATHS}  /a:\n    get: {${OPERATION}}\ncomponents:\n  securitySchemes:\n    my key: basic`,
    { rule: 'specification', path: '/components/securitySchemes/my key', line: 8, column: 5 },
  ],
  [
    'an operationId twice',
    `${PATHS}  /a:\n    get: {operationId: x, ${OPERATION}}\n    put: {operationId: x, ${OPERATION}}`,
    { message: 'Give each operation an operationId of its own: "x" is there twice.' },
  ],
  [
    'another file',
    `${PATHS}  /a:\n    $ref: other.yaml#/a`,
    {
      rule: 'externalReference',
      path: '/paths/~1a/$ref',
      line: 5,
      column: 5,
      message: 'Put what "other.yaml#/a" names into this document: other files and addresses are not read.',
    },
  ],
  [
    'an address',
    `${HEAD}paths: {}\ncomponents: {schemas: {A: {$ref: "http://127.0.0.1:1/a"}}}`,
    { rule: 'externalReference', line: 4 },
  ],
  [
    'a file of the system',
    `${HEAD}paths: {}\ncomponents: {schemas: {A: {$ref: "file:///etc/passwd"}}}`,
    { rule: 'externalReference', line: 4 },
  ],
  [
    'an address without a scheme',
    `${HEAD}paths: {}\ncomponents: {schemas: {A: {$ref: "//example.com/a"}}}`,
    { rule: 'externalReference' },
  ],
  [
    'another file for a map',
    `${HEAD}paths: {$ref: paths.yaml}`,
    { rule: 'externalReference', path: '/paths/$ref' },
  ],
  [
    'a property map in another file',
    `${HEAD}paths: {}\ncomponents: {schemas: {A: {properties: {$ref: ./a.json}}}}`,
    { rule: 'externalReference' },
  ],
  [
    'an empty reference',
    `${HEAD}paths: {}\ncomponents: {schemas: {A: {$ref: ""}}}`,
    { rule: 'externalReference' },
  ],
  [
    'a reference to nothing',
    `${HEAD}paths: {}\ncomponents:\n  schemas:\n    A: {$ref: "#/components/schemas/B"}`,
    { rule: 'reference', path: '/components/schemas/A/$ref', line: 6, column: 9 },
  ],
  [
    'a reference to a prototype',
    `${HEAD}paths: {}\ncomponents: {schemas: {A: {$ref: "#/constructor"}}}`,
    { rule: 'reference' },
  ],
  [
    'references that go round',
    `${HEAD}paths: {}\ncomponents: {schemas: {A: {$ref: "#/components/schemas/B"}, B: {$ref: "#/components/schemas/A"}}}`,
    { rule: 'reference' },
  ],
  [
    'a reference to another kind',
    `${PATHS}  /a:\n    get:\n      responses: {"200": {$ref: "#/components/schemas/A"}}\ncomponents: {schemas: {A: {}}}`,
    { rule: 'reference', line: 6 },
  ],
  [
    'a reference to the whole',
    `${HEAD}paths: {}\ncomponents: {schemas: {A: {$ref: "#"}}}`,
    { rule: 'reference' },
  ],
  [
    'security by no scheme',
    `${PATHS}  /a:\n    get:\n      security: [{oauth: [x]}]\n      ${OPERATION}`,
    { rule: 'security', path: '/paths/~1a/get/security/0', line: 6 },
  ],
  [
    'a permission that is a number',
    `${PATHS}  /a:\n    get: {x-permission: 5, ${OPERATION}}`,
    { rule: 'permission', path: '/paths/~1a/get/x-permission', line: 5 },
  ],
  ['a query in a path', `${PATHS}  /a?b=1: {}`, { rule: 'path', path: '/paths/~1a?b=1', line: 4, column: 3 }],
  ['a path of 9 KiB', `${PATHS}  ? /${'a'.repeat(9000)}\n  : {}`, { rule: 'path', line: 4 }],
  ['a path of 101 segments', `${PATHS}  ${'/a'.repeat(101)}: {}`, { rule: 'path', line: 4 }],
  [
    'two templates of one form',
    `openapi: 3.1.0\ninfo: {title: a, version: "1"}\npaths:\n  /a/{x}:\n    get: {parameters: [{name: x, in: path, required: true, schema: {}}]}\n  /a/{y}:\n    get: {parameters: [{name: y, in: path, required: true, schema: {}}]}`,
    { rule: 'samePath', path: '/paths/~1a~1{y}/get', line: 7, column: 5 },
  ],
  [
    'NUL in a title',
    '{"openapi": "3.0.3", "info": {"title": "a\\u0000", "version": "1"}, "paths": {}}',
    { rule: 'characters', path: '/info/title' },
  ],
];

/** How a problem is said: what to change, as a sentence. */
const SENTENCE = /^(?!.*(?:\(s\)|must NOT|\bshould\b|`))[A-Z].*[.…]$/;

const SWAGGER = 'swagger: "2.0"\ninfo: {title: a, version: "1"}\n';
const PARAMETERS = (...list: string[]): string =>
  `${PATHS}  /a/{id}:\n    get: {parameters: [${list.join(', ')}], ${OPERATION}}`;
const ID = '{name: id, in: path, required: true, schema: {}}';
const schema = (text: string): string => `${HEAD}paths: {}\ncomponents: {schemas: {A: ${text}}}`;

/** What is broken, and what to change. */
const MESSAGES: [text: string, message: string][] = [
  [PARAMETERS(), 'Describe the path parameter "id" in "parameters".'],
  [
    `${PATHS}  /{a}/{b}/{c}:\n    get: {${OPERATION}}`,
    'Describe the path parameters "a", "b" and "c" in "parameters".',
  ],
  [
    PARAMETERS(ID, '{name: x, in: path, required: true, schema: {}}'),
    'Remove the path parameter "x", or write "{x}" in the path.',
  ],
  [PARAMETERS(ID, '{name: a, in: query, schema: {type: array}}'), 'Add "items" to the array.'],
  [
    PARAMETERS(ID, '{name: a, in: query, schema: {type: string}}', '{name: a, in: query, schema: {}}'),
    'Remove one of the parameters "a" with the place "query".',
  ],
  [
    `${SWAGGER}paths:\n  /a:\n    get: {parameters: [{name: a, in: body, schema: {}}, {name: b, in: body, schema: {}}], ${OPERATION}}`,
    'Describe one body parameter, not 2.',
  ],
  [
    `${SWAGGER}paths:\n  /a:\n    get: {parameters: [{name: a, in: formData, type: file}], ${OPERATION}}`,
    'Add "multipart/form-data" to "consumes": a parameter is a file.',
  ],
  [
    'openapi: 3.1.0\ninfo: {title: a, version: "1"}\npaths: {}\ncomponents: {}',
    'Describe something in "paths", "webhooks" or "components".',
  ],
  [schema('{enum: []}'), 'Add something: 1 or more are needed here.'],
  [schema('{required: [a, a]}'), 'Remove what is there twice.'],
  [schema('{maxLength: -1}'), 'Write a number that is >= 0.'],
  [
    `${HEAD}paths: {}\ncomponents: {parameters: {A: {name: a, in: query, schema: {}, example: 1, examples: {}}}}`,
    'Remove one of "example" and "examples".',
  ],
];

describe('a document that cannot be published', () => {
  /** Rules of which each row proves one of the security checklist. */
  const BOUNDS = ['tooDeep', 'tooLarge', 'tooManyAliases', 'externalReference'];
  const proofOf = ({ rule = '' }: Partial<DocumentProblem>): string =>
    BOUNDS.includes(rule) ? ' [SEC-G23]' : '';

  for (const [title, text, expected] of [...SYNTAX, ...DOCUMENTS])
    it(`is refused with its place: ${title}${proofOf(expected)}`, async () => {
      const [problem] = await problemsOf({ text });
      assert.ok(problem, 'it was taken');
      const { field, message } = problem;
      const picked = Object.fromEntries(
        Object.keys(expected).map((key) => [
          key,
          Object.entries(problem).find(([name]) => name === key)?.[1],
        ]),
      );
      assert.deepEqual({ field, ...picked }, { field: 'document', ...expected });
      assert.match(message, SENTENCE);
    });

  for (const [text, expected] of MESSAGES)
    it(`is refused with what to change: ${expected}`, async () => {
      const messages = (await problemsOf({ text })).map(({ message }) => message);
      assert.ok(messages.includes(expected), JSON.stringify(messages));
      for (const message of messages) assert.match(message, SENTENCE);
    });

  it('has advice of the gateway’s own for each rule of the library', () => {
    const library = readFileSync(fileURLToPath(import.meta.resolve('@readme/openapi-parser')), 'utf8');
    const said = library.matchAll(
      /(?:report(?:Error|Issue)\(\s*|const error = )(`(?:\\.|[^\\`])*`|"[^"]*")(?=\s*[);])/g,
    );
    const messages = [...said]
      .map(([, text = '']) =>
        text
          .slice(1, -1)
          .replaceAll('\\`', '`')
          .replace(/\$\{[^}]*\}/g, '7'),
      )
      .filter((text) => text.includes(' '));
    assert.ok(messages.length >= 25, String(messages.length));
    for (const message of messages) {
      assert.doesNotMatch(adviceOf(message), /^Correct what breaks/, message);
      assert.match(adviceOf(message), SENTENCE);
    }
  });

  it('is checked by the JSON Schema of its version once, and not by the library again', async () => {
    assert.deepEqual(await ruleMistakes({ openapi: '3.0.3', paths: {} }, 'openapi-3.0'), []);
    assert.deepEqual(await ruleMistakes({ openapi: '3.1.0', paths: { '/a': {} } }, 'openapi-3.1'), []);
    assert.deepEqual(await ruleMistakes({ swagger: '2.0', paths: {} }, 'swagger-2.0'), []);
  });

  it('has no lines when it was sent as an object', async () => {
    assert.deepEqual(await problemsOf({ value: { openapi: '3.0.3', info: {} } }), [
      { field: 'document', rule: 'required', message: 'Add "paths".', path: '' },
      { field: 'document', rule: 'required', message: 'Add "title".', path: '/info' },
      { field: 'document', rule: 'required', message: 'Add "version".', path: '/info' },
    ]);
  });

  for (const value of [null, undefined, [], 5, 'openapi: 3.0.3'])
    it(`is refused as ${JSON.stringify(value)}`, async () => {
      assert.equal((await problemsOf({ value }))[0]?.rule, 'notObject');
    });

  it('is refused with 50 of its problems', async () => {
    const paths = Array.from({ length: 3000 }, (_, n) => `  /a${n}:\n    get: {}\n`).join('');
    const problems = await problemsOf({ text: PATHS + paths });
    assert.equal(problems.length, 50);
    assert.deepEqual(
      problems.slice(0, 2).map(({ path, line }) => [path, line]),
      [
        ['/paths/~1a0/get', 5],
        ['/paths/~1a1/get', 7],
      ],
    );
  });

  it('names the place of a mistake in a part that is referred to', async () => {
    const text = `${PATHS}  /a/{id}:\n    get:\n      parameters: [{$ref: "#/components/parameters/Id"}]\n      ${OPERATION}\ncomponents:\n  parameters:\n    Id: {name: id, in: path, schema: {}}`;
    const [problem] = await problemsOf({ text });
    assert.deepEqual([problem?.path, problem?.line], ['/components/parameters/Id', 10]);
  });
});

describe('a document at its limits', () => {
  const good: [title: string, text: string][] = [
    ['an extension of components that is null', `${HEAD}paths: {}\ncomponents: {x-a: null}`],
    [
      'an extension of components with names of its own',
      'openapi: 3.1.0\ninfo: {title: a, version: "1"}\ncomponents: {x-a: {my key: 1}}',
    ],
    ['a byte order mark', `\ufeff${HEAD}paths: {}`],
    ['100 levels', nested(97)],
    ['100 aliases', `${HEAD}paths: {}\nx-a: &a 1\nx-b:\n${'  - *a\n'.repeat(100)}`],
    [
      'merge keys',
      `${PATHS}  /a:\n    get: &get {${OPERATION}}\n    put:\n      <<: *get\n      summary: Put`,
    ],
    ['a directive of YAML 1.1', `%YAML 1.1\n---\n${HEAD}paths: {}`],
    ['stars in block texts', `${HEAD}paths: {}\nx-a: |\n${'  *not an alias\n'.repeat(200)}`],
    ['numbers as response codes', `${PATHS}  /a:\n    get: {responses: {200: {description: good}}}`],
    [
      'names of prototypes',
      `${HEAD}paths: {}\ncomponents: {schemas: {constructor: {properties: {toString: {}, hasOwnProperty: {}}, required: [valueOf]}}}`,
    ],
    [
      'a $ref in an example',
      `${HEAD}paths: {}\ncomponents: {schemas: {A: {example: {$ref: "http://x.example/a"}, default: {$ref: "#/none"}}}}`,
    ],
    [
      'a property whose name is $ref',
      `${HEAD}paths: {}\ncomponents: {schemas: {A: {properties: {$ref: {type: string}, example: {type: string}}}}}`,
    ],
    [
      'a schema in itself',
      `${HEAD}paths: {}\ncomponents: {schemas: {A: {properties: {a: {$ref: "#/components/schemas/A"}}}}}`,
    ],
    [
      'webhooks alone',
      'openapi: 3.1.0\ninfo: {title: a, version: "1"}\nwebhooks: {}\ncomponents: {schemas: {A: {$anchor: a}, B: {$ref: "#a"}}}',
    ],
    [
      'a schema with an id',
      'openapi: 3.1.0\ninfo: {title: a, version: "1"}\npaths: {}\ncomponents: {schemas: {A: {$id: "https://x.example/a", $defs: {b: {}}, $ref: "#/$defs/b"}}}',
    ],
    [
      'a Swagger 2 property that is named hasOwnProperty',
      'swagger: "2.0"\ninfo: {title: a, version: "1"}\npaths: {}\ndefinitions: {A: {properties: {constructor: {type: string}}, required: [constructor]}}',
    ],
  ];
  for (const [title, text] of good)
    it(`is taken: ${title}`, async () => {
      assert.deepEqual(await problemsOf({ text }), []);
    });

  const OUTSIDE = 'https://evil.example/a';
  const hidden: [place: string, components: object, more: object, path: string][] = [
    ['an extension', { A: { $ref: '#/x-a/b' } }, { 'x-a': { b: { $ref: OUTSIDE } } }, '/x-a/b/$ref'],
    [
      'an example',
      {
        A: { properties: { a: { $ref: '#/components/schemas/B/example' } } },
        B: { example: { properties: { c: { $ref: OUTSIDE } } } },
      },
      {},
      '/components/schemas/B/example/properties/c/$ref',
    ],
    [
      'data behind data',
      { A: { $ref: '#/x-a/b' } },
      { 'x-a': { b: { items: { $ref: '#/x-c' } } }, 'x-c': { allOf: [{ $ref: OUTSIDE }] } },
      '/x-c/allOf/0/$ref',
    ],
  ];
  for (const [place, schemas, more, path] of hidden)
    it(`refuses a $ref out of the document in ${place} that another $ref leads to [SEC-G23]`, async () => {
      const value = {
        openapi: '3.0.3',
        info: { title: 'a', version: '1' },
        paths: {},
        components: { schemas },
      };
      const [problem] = await problemsOf({ value: { ...value, ...more } });
      assert.deepEqual([problem?.rule, problem?.path], ['externalReference', path]);
    });

  it('says what is wrong in short, however long the names of the document are', async () => {
    const wrong = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`k${index}`, 1]));
    const paths = { [`/${'a'.repeat(16_000)}`]: { get: wrong } };
    const many = await problemsOf({
      value: { openapi: '3.0.3', info: { title: 'a', version: '1' }, paths },
    });
    assert.equal(many.length, 50);
    assert.ok(many.every(({ path }) => path === '/paths'));
    const name = 'a'.repeat(1_000_000);
    for (const text of [`{"a": 1, "${name}": 1, "${name}": 2}`, `a: 1\nb: *${name}`, `{"${name}": 1}`]) {
      const problems = await problemsOf({ text });
      assert.equal(problems.length, 1);
      assert.ok(JSON.stringify(problems).length < 1500, JSON.stringify(problems).slice(0, 200));
    }
  });

  it('keeps the text that was sent, and gives YAML as JSON', async () => {
    const text = `${PATHS}  /a:\n    get: &get {${OPERATION}}\n    put:\n      <<: *get\n      summary: Put`;
    const { source, sourceFormat, openapi } = await documents.prepare({ text });
    assert.deepEqual([source, sourceFormat], [text, 'yaml']);
    const operation = { responses: { 200: { description: 'good' } } };
    assert.deepEqual(JSON.parse(openapi ?? ''), {
      openapi: '3.0.3',
      info: { title: 'Orders', version: '1' },
      paths: { '/a': { get: operation, put: { ...operation, summary: 'Put' } } },
    });
  });

  it('gives a JSON document once', async () => {
    const value = { openapi: '3.0.3', info: { title: 'Orders', version: '1' }, paths: {} };
    assert.deepEqual(await documents.prepare({ value }), {
      compiled: { type: 'openapi-3.0', title: 'Orders', firstSegments: [], operations: [] },
      source: JSON.stringify(value),
      sourceFormat: 'json',
    });
  });
});
