import assert from 'node:assert/strict';
import { checkPath, routerOf, type Router } from '../../../src/gateway/documents/index.js';
import { stepsOf } from '../../../src/gateway/documents/router-tree.js';
import type { CompiledDocument } from '../../../src/gateway/types.js';

/** A document of operations such as `GET /items/{id}`. */
const documentFor = (...keys: string[]): CompiledDocument => ({
  type: 'openapi-3.1',
  title: 'test',
  firstSegments: [],
  operations: keys.map((key) => {
    const method = key.slice(0, key.indexOf(' '));
    const path = key.slice(method.length + 1);
    return { key, method, path, open: false, scopes: [], permissions: [] };
  }),
});

const routerFor = (...keys: string[]): Router => routerOf(documentFor(...keys));

/** What matched, with its parameters, or the methods that would. */
function found(router: Router, method: string, path: string): unknown {
  const match = router.match(method, path);
  if (!match) return undefined;
  return 'allow' in match ? match.allow : [match.operation.key, { ...match.parameters }];
}

const ITEMS = ['GET /items', 'POST /items', 'GET /items/{id}', 'GET /items/special', 'GET /slash/', 'GET /'];
const MIXED = [
  'GET /calls/{Sid}.json',
  'GET /calls/{Sid}',
  'GET /calls/{Sid}/events.json',
  'GET /compare/{base}...{head}',
  'GET /names/{name}:cancel',
  'GET /names/{name}:run',
  'GET /pair/{a}{b}',
  'GET /dated/v{year}-{month}.txt',
  'GET /files/{name}.{ext}',
  'GET /files/{name}.tar.gz',
  'GET /files/x{name}',
];

describe("a router of a document's operations", () => {
  const rows: [keys: string[], method: string, path: string, expected: unknown][] = [
    [ITEMS, 'GET', '/items', ['GET /items', {}]],
    [ITEMS, 'GET', '/items/5', ['GET /items/{id}', { id: '5' }]],
    [ITEMS, 'GET', '/items/special', ['GET /items/special', {}]],
    [ITEMS, 'HEAD', '/items/special', ['GET /items/special', {}]],
    [ITEMS, 'GET', '/items/a%2Fb', ['GET /items/{id}', { id: 'a/b' }]],
    [ITEMS, 'GET', '/items/a%20%C3%A9', ['GET /items/{id}', { id: 'a é' }]],
    [ITEMS, 'GET', '/%69tems', ['GET /items', {}]],
    [ITEMS, 'GET', '/items/', undefined],
    [ITEMS, 'GET', '/items//', undefined],
    [ITEMS, 'GET', '//items', undefined],
    [ITEMS, 'GET', '/items/5/', undefined],
    [ITEMS, 'GET', '/items/5/6', undefined],
    [ITEMS, 'GET', '/items/%', undefined],
    [ITEMS, 'GET', '/slash/', ['GET /slash/', {}]],
    [ITEMS, 'GET', '/slash', undefined],
    [ITEMS, 'GET', '/', ['GET /', {}]],
    [ITEMS, 'GET', '', undefined],
    [ITEMS, 'GET', 'items', undefined],
    [ITEMS, 'GET', '/ITEMS', undefined],
    [ITEMS, 'GET', '/items%2F5', undefined],
    [ITEMS, 'DELETE', '/items', ['GET', 'HEAD', 'POST']],
    [ITEMS, 'OPTIONS', '/items/5', ['GET', 'HEAD']],
    [['GET /a/{x}', 'DELETE /a/b'], 'PUT', '/a/b', ['DELETE', 'GET', 'HEAD']],
    [['GET /a/{x}', 'DELETE /a/b'], 'GET', '/a/b', ['GET /a/{x}', { x: 'b' }]],
    [['POST /a', 'HEAD /a'], 'GET', '/a', ['HEAD', 'POST']],
    [['GET /a', 'HEAD /a'], 'HEAD', '/a', ['HEAD /a', {}]],
    [['GET /{a}/b/c', 'GET /x/{b}/d'], 'GET', '/x/b/c', ['GET /{a}/b/c', { a: 'x' }]],
    [['GET /{a}/b', 'GET /x/{b}'], 'GET', '/x/b', ['GET /x/{b}', { b: 'b' }]],
    [['GET /a%20b', 'GET /c d'], 'GET', '/a%20b', ['GET /a%20b', {}]],
    [['GET /a%20b', 'GET /c d'], 'GET', '/c%20d', ['GET /c d', {}]],
    [['GET /a/{id}', 'POST /a/{name}'], 'POST', '/a/5', ['POST /a/{name}', { name: '5' }]],
    [
      ['GET /{__proto__}/{constructor}'],
      'GET',
      '/a/b',
      ['GET /{__proto__}/{constructor}', JSON.parse('{"__proto__":"a","constructor":"b"}')],
    ],
    [['GET /constructor'], 'GET', '/toString', undefined],
    [['GET /{}/{a/b}'], 'GET', '/{}/{a/b}', ['GET /{}/{a/b}', {}]],
    [MIXED, 'GET', '/calls/CA1.json', ['GET /calls/{Sid}.json', { Sid: 'CA1' }]],
    [MIXED, 'GET', '/calls/CA1.xml', ['GET /calls/{Sid}', { Sid: 'CA1.xml' }]],
    [MIXED, 'GET', '/calls/.json', ['GET /calls/{Sid}', { Sid: '.json' }]],
    [MIXED, 'GET', '/calls/a.json/events.json', ['GET /calls/{Sid}/events.json', { Sid: 'a.json' }]],
    [MIXED, 'GET', '/compare/a...b...c', ['GET /compare/{base}...{head}', { base: 'a', head: 'b...c' }]],
    [MIXED, 'GET', '/compare/a....b', ['GET /compare/{base}...{head}', { base: 'a', head: '.b' }]],
    [MIXED, 'GET', '/compare/...b', undefined],
    [MIXED, 'GET', '/compare/a...', undefined],
    [MIXED, 'GET', '/names/a:run', ['GET /names/{name}:run', { name: 'a' }]],
    [MIXED, 'GET', '/names/a:run:cancel', ['GET /names/{name}:cancel', { name: 'a:run' }]],
    [MIXED, 'GET', '/names/a%3Arun', ['GET /names/{name}:run', { name: 'a' }]],
    [MIXED, 'GET', '/pair/abc', ['GET /pair/{a}{b}', { a: 'a', b: 'bc' }]],
    [MIXED, 'GET', '/pair/%F0%9F%98%80b', ['GET /pair/{a}{b}', { a: '😀', b: 'b' }]],
    [MIXED, 'GET', '/pair/a', undefined],
    [MIXED, 'GET', '/dated/v2024-05.txt', ['GET /dated/v{year}-{month}.txt', { year: '2024', month: '05' }]],
    [MIXED, 'GET', '/dated/v2024-.txt', undefined],
    [MIXED, 'GET', '/files/a.b.tar.gz', ['GET /files/{name}.tar.gz', { name: 'a.b' }]],
    [MIXED, 'GET', '/files/a.b.c', ['GET /files/{name}.{ext}', { name: 'a', ext: 'b.c' }]],
    [MIXED, 'GET', '/files/xa.b', ['GET /files/x{name}', { name: 'a.b' }]],
  ];
  for (const [keys, method, path, expected] of rows)
    it(`answers ${JSON.stringify(expected)} for ${method} ${path || 'an empty path'}`, () => {
      assert.deepEqual(found(routerFor(...keys), method, path), expected);
    });

  it('gives parameters without a prototype', () => {
    const match = routerFor('GET /{id}').match('GET', '/5');
    assert.ok(match && 'parameters' in match);
    assert.equal(Object.getPrototypeOf(match.parameters), null);
  });

  it('visits few places for many operations', () => {
    const keys = Array.from({ length: 2000 }, (_, n) => `GET /group${n % 50}/{id}/part${n}`);
    assert.equal(stepsOf(documentFor(...keys)), 4);
  });

  it('counts the places of paths that overlap', () => {
    const keys = ['GET /a/a', 'GET /a/{x}', 'GET /{x}/a', 'GET /{x}/{y}', 'GET /{x}.b/c'];
    assert.equal(stepsOf(documentFor(...keys)), 9);
  });
});

describe('the form of a path', () => {
  const good = [
    '',
    '/',
    '/items/5',
    '/items/a%2Fb',
    '/a.b/...',
    '/.well-known/x',
    '/a/..b',
    '/a/b..',
    '/%252e%252e',
    '/a;b=..',
    '/a%5Cb',
    '/é',
    '//',
    `/${'a'.repeat(8191)}`,
  ];
  const bad = [
    '/.',
    '/..',
    '..',
    '/a/../b',
    '/a/./b',
    '/%2e',
    '/%2E%2e/a',
    '/.%2e/a',
    '/a%2F..',
    '/a%2F..%2Fb',
    '/a%5C..',
    '/a\\..\\b',
    '/..\\a',
    '/..;/a',
    '/a/..;x=1/b',
    '/%2e%2e%3Bx',
    '/%00',
    '/a%00b',
    '/%',
    '/%4',
    '/%zz',
    '/%ff',
    '/%c0%ae',
    '/%ED%A0%80',
    `/${'a'.repeat(8192)}`,
  ];
  for (const path of good)
    it(`is good: ${path.slice(0, 40) || 'nothing'}`, () => assert.equal(checkPath(path), 'ok'));
  for (const path of bad)
    it(`is bad: ${path.slice(0, 40)} [SEC-G3]`, () => assert.equal(checkPath(path), 'bad'));
});
