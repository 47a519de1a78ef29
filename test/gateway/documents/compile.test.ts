import assert from 'node:assert/strict';
import type { CompiledOperation } from '../../../src/gateway/types.js';
import { documents } from '../../support/documents.js';

const GOOD = { responses: { 200: { description: 'good' } } };
const SCHEMES = {
  oauth: {
    type: 'oauth2',
    flows: { clientCredentials: { tokenUrl: 'https://id.example/token', scopes: {} } },
  },
  oidc: { type: 'openIdConnect', openIdConnectUrl: 'https://id.example/.well-known/openid-configuration' },
  key: { type: 'apiKey', in: 'header', name: 'X-Key' },
  bearer: { type: 'http', scheme: 'bearer' },
  referred: { $ref: '#/components/securitySchemes/oauth' },
};

const document = (more: object) => ({
  openapi: '3.0.3',
  info: { title: 'Orders', version: '1' },
  paths: {},
  ...more,
});

describe('a compiled document', () => {
  const compiled = async (value: object) => (await documents.prepare({ value })).compiled;

  const securities: [
    own: object[] | undefined,
    common: object[] | undefined,
    Pick<CompiledOperation, 'open' | 'scopes'>,
  ][] = [
    [undefined, undefined, { open: false, scopes: [] }],
    [undefined, [], { open: true, scopes: [] }],
    [[], [{ oauth: ['x'] }], { open: true, scopes: [] }],
    [undefined, [{ oauth: ['x'] }], { open: false, scopes: [['x']] }],
    [[{ oauth: ['y'] }], [{ oauth: ['x'] }], { open: false, scopes: [['y']] }],
    [[{ oauth: ['a', 'b'] }, { oidc: ['c'] }], undefined, { open: false, scopes: [['a', 'b'], ['c']] }],
    [[{ oauth: ['a'], oidc: ['b'] }], undefined, { open: false, scopes: [['a', 'b']] }],
    [[{ oauth: ['a'], key: [] }], undefined, { open: false, scopes: [['a']] }],
    [[{ oauth: ['a'] }, {}], undefined, { open: true, scopes: [] }],
    [[{ oauth: [] }], undefined, { open: false, scopes: [] }],
    [[{ key: [] }], undefined, { open: false, scopes: [] }],
    [[{ key: [] }, { oauth: ['a'] }], undefined, { open: false, scopes: [] }],
    [[{ bearer: ['admin'] }], undefined, { open: false, scopes: [] }],
    [[{ referred: ['a'] }], undefined, { open: false, scopes: [['a']] }],
  ];
  for (const [own, common, expected] of securities)
    it(`asks for ${JSON.stringify(expected)} where security is ${JSON.stringify(own)} in ${JSON.stringify(common)}`, async () => {
      const { operations } = await compiled(
        document({
          ...(common && { security: common }),
          paths: { '/a': { get: { ...GOOD, ...(own && { security: own }) } } },
          components: { securitySchemes: SCHEMES },
        }),
      );
      assert.deepEqual(operations, [
        { key: 'GET /a', method: 'GET', path: '/a', ...expected, permissions: [] },
      ]);
    });

  const permissions: [said: unknown, expected: string[]][] = [
    ['orders.read', ['orders.read']],
    [
      ['a', 'b', 'a'],
      ['a', 'b'],
    ],
    [[], []],
  ];
  for (const [said, expected] of permissions)
    it(`asks for the permissions ${JSON.stringify(expected)} of ${JSON.stringify(said)}`, async () => {
      const { operations } = await compiled(
        document({ paths: { '/a': { get: { ...GOOD, 'x-permission': said } } } }),
      );
      assert.deepEqual(operations[0]?.permissions, expected);
    });

  const variables = { host: { default: 'api.example' }, base: { default: 'v2' } };
  const servers: [servers: object[], expected: string | undefined][] = [
    [[], undefined],
    [[{ url: 'https://api.example/v1/' }], 'https://api.example/v1'],
    [[{ url: 'https://api.example' }, { url: 'https://other.example' }], 'https://api.example'],
    [[{ url: 'https://{host}/{base}', variables }], 'https://api.example/v2'],
    [[{ url: 'https://{host}/{other}', variables }], undefined],
    [[{ url: '/v1' }], undefined],
    [[{ url: '//api.example' }], undefined],
    [[{ url: 'wss://api.example' }], undefined],
    [[{ url: 'https://user:pass@api.example' }], undefined],
    [[{ url: 'https://api.example/?a=1' }], undefined],
    [[{ url: 'https://api.example/#a' }], undefined],
  ];
  for (const [list, expected] of servers)
    it(`has the backend ${expected} of ${JSON.stringify(list)}`, async () => {
      assert.equal((await compiled(document({ servers: list }))).serverUrl, expected);
    });

  it('has no server whose address is long, with its variables or without', async () => {
    const long = 'a'.repeat(1990);
    const variables = { v: { default: long } };
    for (const server of [
      { url: `https://x.example/${long}` },
      { url: 'https://x.example/{v}/{v}', variables },
      { url: `https://x.example/${'/'.repeat(40_000)}a` },
      { url: `https://x.example/${'{v}'.repeat(500_000)}`, variables },
    ])
      assert.equal((await compiled(document({ servers: [server] }))).serverUrl, undefined);
  });

  it('keeps the beginning of a long title and description, and no half character', async () => {
    const info = { title: `${'t'.repeat(199)}😀`, description: `${'d'.repeat(20_000)}😀`, version: '1' };
    const { title, description } = await compiled(document({ info }));
    assert.deepEqual([title, description], ['t'.repeat(199), 'd'.repeat(20_000)]);
  });

  it('ignores the servers of paths and operations', async () => {
    const elsewhere = { servers: [{ url: 'https://other.example' }] };
    const paths = { '/a': { ...elsewhere, get: { ...GOOD, ...elsewhere } } };
    assert.equal((await compiled(document({ paths }))).serverUrl, undefined);
  });

  it('has each method, and the literal first segments', async () => {
    const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
    const all = Object.fromEntries(methods.map((method) => [method, GOOD]));
    const id = { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] };
    const { operations, firstSegments } = await compiled(
      document({ paths: { '/v1/a': all, '/v1/b': {}, '/c%20d': {}, '/': {}, '/{id}/e': id, '/f{id}': id } }),
    );
    assert.deepEqual(
      operations.map(({ key }) => key),
      methods.map((method) => `${method.toUpperCase()} /v1/a`),
    );
    assert.deepEqual(firstSegments, ['v1', 'c d']);
  });

  it('has the operations of a path item that is referred to', async () => {
    const value = {
      ...document({ paths: { '/a': { $ref: '#/components/pathItems/a' } } }),
      openapi: '3.1.0',
      components: { pathItems: { a: { get: GOOD } } },
    };
    const { compiled: result, openapi } = await documents.prepare({ value });
    assert.deepEqual(
      result.operations.map(({ key }) => key),
      ['GET /a'],
    );
    assert.deepEqual(JSON.parse(openapi ?? '').paths, { '/a': { get: GOOD } });
  });

  it('makes one operation of paths that differ in the fragment', async () => {
    const body = (schema: object, required: boolean) => ({
      required,
      content: { 'application/json': { schema } },
    });
    const query = (name: string, required: boolean) => ({ name, in: 'query', required, schema: {} });
    const paths = {
      '/token#create': {
        post: {
          ...GOOD,
          operationId: 'create',
          security: [{ oauth: ['a'] }],
          'x-permission': 'p',
          parameters: [query('both', true), query('one', true)],
          requestBody: body({ type: 'string' }, true),
        },
      },
      '/token#refresh': {
        parameters: [query('both', true), query('other', true)],
        post: {
          responses: { 201: { description: 'made' } },
          operationId: 'refresh',
          security: [{ oauth: ['b'] }],
          'x-permission': ['q'],
          requestBody: { $ref: '#/components/requestBodies/Refresh' },
        },
        get: { ...GOOD, security: [] },
      },
    };
    const requestBodies = { Refresh: body({ type: 'number' }, true) };
    const { compiled: result, openapi } = await documents.prepare({
      value: document({ paths, components: { securitySchemes: SCHEMES, requestBodies } }),
    });
    assert.deepEqual(result.operations, [
      { key: 'GET /token', method: 'GET', path: '/token', open: true, scopes: [], permissions: [] },
      {
        key: 'POST /token',
        operationId: 'create',
        method: 'POST',
        path: '/token',
        open: false,
        scopes: [['a'], ['b']],
        permissions: ['p', 'q'],
      },
    ]);
    const { post } = JSON.parse(openapi ?? '').paths['/token'];
    assert.deepEqual(post.requestBody, body({ anyOf: [{ type: 'string' }, { type: 'number' }] }, true));
    assert.deepEqual(
      post.parameters.map(({ name, required }: { name: string; required: boolean }) => [name, required]),
      [
        ['both', true],
        ['one', false],
        ['other', false],
      ],
    );
    assert.deepEqual(Object.keys(post.responses), ['200', '201']);
  });

  const merged: [one: object, other: object, Pick<CompiledOperation, 'open' | 'scopes'>][] = [
    [{}, {}, { open: false, scopes: [] }],
    [{}, { security: [{ oauth: ['a'] }] }, { open: false, scopes: [] }],
    [{}, { security: [{ key: [] }] }, { open: false, scopes: [] }],
    [{}, { security: [] }, { open: true, scopes: [] }],
    [{ security: [{ oauth: ['a'] }] }, { security: [] }, { open: true, scopes: [] }],
  ];
  for (const [one, other, expected] of merged)
    it(`asks for ${JSON.stringify(expected)} of ${JSON.stringify(one)} and ${JSON.stringify(other)} on one path`, async () => {
      const paths = { '/a#1': { get: { ...GOOD, ...one } }, '/a#2': { get: { ...GOOD, ...other } } };
      const { operations } = await compiled(document({ paths, components: { securitySchemes: SCHEMES } }));
      assert.deepEqual(
        operations.map(({ open, scopes }) => ({ open, scopes })),
        [expected],
      );
    });

  it('takes 10,000 operations', async () => {
    const paths = Object.fromEntries(
      Array.from({ length: 5000 }, (_, n) => [`/group${n % 100}/part${n}`, { get: GOOD, put: GOOD }]),
    );
    assert.equal((await compiled(document({ paths }))).operations.length, 10_000);
  });

  const crowds: [title: string, paths: string[]][] = [
    ['text around one template', Array.from({ length: 2500 }, (_, n) => `/{a}.${n}/b`)],
    [
      'each segment as text and as template',
      Array.from({ length: 4096 }, (_, n) =>
        [...n.toString(2).padStart(12, '0')].map((bit, at) => (bit === '0' ? '/a' : `/{p${at}}`)).join(''),
      ),
    ],
  ];
  for (const [title, crowd] of crowds)
    it(`refuses paths of which too many can match one request: ${title}`, async () => {
      const value = {
        ...document({}),
        openapi: '3.1.0',
        paths: Object.fromEntries(
          crowd.map((path) => {
            const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
              name,
              in: 'path',
              required: true,
              schema: {},
            }));
            return [path, { get: { parameters } }];
          }),
        ),
      };
      await assert.rejects(documents.prepare({ value }), {
        message: 'Use fewer paths that overlap: too many of them can match one request.',
      });
    });
});
