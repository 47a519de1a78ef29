import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { koaStub } from '../../../src/codegen/generators/koa/index.js';
import { groupsOf, type StubOperation } from '../../../src/codegen/generators/koa/operations.js';
import type { Files, OpenApi } from '../../../src/codegen/types.js';
import { packageRoot } from '../../../src/kernel/root.js';
import { send, type Heard, type Said } from '../../support/http.js';
import { callsOf, compileErrors, hostileDocument, packaged, written } from './support.js';

interface Stub {
  ask(path: string, said?: Said): Promise<Heard>;
  stop(): Promise<void>;
}

const TSC = join(packageRoot, 'node_modules', 'typescript', 'bin', 'tsc');

/** Starts a stub as its `npm start` does, at a free port. */
async function start(files: Files): Promise<Stub> {
  const cwd = written(files);
  const script = `"${process.execPath}" "${TSC}" && exec "${process.execPath}" dist/server.js`;
  const server = spawn('sh', ['-c', script], { cwd, env: { PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const port = await new Promise<number>((done, fail) => {
    const take = (chunk: Buffer): void => {
      said += chunk.toString();
      const found = /listening on port (\d+)/.exec(said)?.[1];
      if (found !== undefined) done(Number(found));
    };
    server.stdout.on('data', take);
    server.stderr.on('data', take);
    server.on('exit', () => fail(new Error(said)));
  });
  return {
    ask: (path, more = {}) => send(new URL(path, `http://127.0.0.1:${port}`), more),
    stop: () =>
      new Promise((done) => {
        server.on('close', () => done());
        server.kill();
      }),
  };
}

const documentOf = (paths: Record<string, unknown>, more: Record<string, unknown> = {}): OpenApi => ({
  openapi: '3.0.3',
  info: { title: 'Orders', version: '1' },
  paths,
  ...more,
});

const answering = (example: unknown, more: Record<string, unknown> = {}) => ({
  responses: { 200: { description: '', content: { 'application/json': { example } } } },
  ...more,
});

const ITEMS = documentOf({
  '/items/{id}': { get: answering({ is: 'template' }), delete: { responses: { 204: { description: '' } } } },
  '/items/new': { get: answering({ is: 'literal' }) },
  '/items/{id}.json': { get: answering({ is: 'mixed' }) },
  '/compare/{base}...{head}': { get: answering({ is: 'two' }) },
  '/käse/{größe}': { get: answering({ is: 'letters' }) },
  '/empty': { get: { responses: {} }, post: answering({ __proto__: null, 'a\u2028b': '</script>' }) },
  '/text': { get: { responses: { 201: { description: '', content: { 'text/plain': { example: 'hi' } } } } } },
  '/made': {
    get: {
      responses: {
        default: {
          description: '',
          content: {
            'application/problem+json': {
              schema: { type: 'object', properties: { name: { type: 'string', enum: ['a', 'b'] } } },
            },
          },
        },
      },
    },
  },
});

describe('a Koa stub', () => {
  let stub: Stub;
  before(async () => (stub = await start(koaStub(ITEMS))));
  after(() => stub.stop());

  const ANSWERS: [call: string, status: number, type: string | undefined, body: string][] = [
    ['GET /items/7', 200, 'application/json', '{"is":"template"}'],
    ['GET /items/a%2Fb', 200, 'application/json', '{"is":"template"}'],
    ['GET /items/new', 200, 'application/json', '{"is":"literal"}'],
    ['GET /items/7.json', 200, 'application/json', '{"is":"mixed"}'],
    ['GET /compare/v1...v2', 200, 'application/json', '{"is":"two"}'],
    ['GET /k%C3%A4se/gro%C3%9F', 200, 'application/json', '{"is":"letters"}'],
    ['GET /k%c3%a4se/1', 200, 'application/json', '{"is":"letters"}'],
    ['DELETE /items/7', 204, undefined, ''],
    ['GET /text', 201, 'text/plain', 'hi'],
    ['GET /made', 200, 'application/problem+json', '{"name":"a"}'],
    ['POST /empty', 200, 'application/json', '{"a\u2028b":"</script>"}'],
    ['GET /empty', 501, 'application/json', '{"message":"This operation is not implemented."}'],
    ['GET /nothing', 404, 'text/plain; charset=utf-8', 'Not Found'],
    ['GET /items/a/b', 404, 'text/plain; charset=utf-8', 'Not Found'],
    ['GET /items/7/', 404, 'text/plain; charset=utf-8', 'Not Found'],
    ['POST /items/7', 405, 'text/plain; charset=utf-8', 'Method Not Allowed'],
    ['GET /items/%ff', 400, 'text/plain; charset=utf-8', 'the path is not percent-encoded text'],
    ['HEAD /items/7', 200, 'application/json', ''],
  ];
  for (const [call, status, type, body] of ANSWERS)
    it(`answers ${call} with ${status}`, async () => {
      const [method = '', path = ''] = call.split(' ');
      const heard = await stub.ask(path, { method });
      assert.deepEqual(
        [heard.status, heard.headers.get('content-type') ?? undefined, heard.text],
        [status, type, body],
      );
    });

  it('says which methods a path has', async () => {
    const { headers } = await stub.ask('/items/7', { method: 'POST' });
    assert.equal(headers.get('allow'), 'HEAD, GET, DELETE');
  });

  for (const [what, body, status] of [
    ['JSON', '{"a":1}', 200],
    ['no JSON', '{"a"', 400],
    ['JSON that is too large', JSON.stringify('x'.repeat(1024 * 1024)), 413],
  ] as const)
    it(`answers ${status} to a body of ${what}`, async () => {
      const headers = { 'content-type': 'application/json' };
      assert.equal((await stub.ask('/empty', { method: 'POST', headers, body })).status, status);
    });
});

describe('a Koa stub of a document that tries to become code', () => {
  it('compiles strictly, and calls nothing of it', () => {
    const files = koaStub(hostileDocument());
    assert.deepEqual(compileErrors(files, 'nodenext'), []);
    assert.deepEqual(callsOf('PWNED', files), []);
    for (const path of files.keys()) assert.match(path, /^(?:src\/)?(?:handlers\/)?[A-Za-z0-9.-]+$/);
  });

  it('has names that are alike once each', () => {
    const tagged = (operationId: string, tag: string) => answering(1, { operationId, tags: [tag] });
    const files = koaStub(
      documentOf({
        '/a': { get: tagged('delete', 'Pets'), put: tagged('DELETE', 'pets'), post: tagged('json', 'Pets') },
        '/b': { get: tagged('a b', 'Pets'), put: tagged('a-b', 'Pets'), post: tagged('1', '../../etc') },
        '/c': { get: tagged('x', '__proto__'), put: tagged('y', ''), post: tagged('y', '日本') },
      }),
    );
    assert.deepEqual(compileErrors(files, 'nodenext'), []);
    assert.deepEqual(
      [...files.keys()].filter((path) => path.includes('handlers')),
      ['pets', 'pets2', 'etc', 'proto', 'operations', 'operations2'].map((name) => `src/handlers/${name}.ts`),
    );
  });
});

/** A path that an operation is called at: each template becomes a text. */
const called = ({ path }: StubOperation): string =>
  path
    .split('/')
    .map((segment) => encodeURI(segment.replace(/\{[^{}/]+\}/g, 'value')))
    .join('/');

for (const name of [
  '@scalar/galaxy/3.1.json',
  '@readme/oas-examples/3.0/json/petstore.json',
  '@readme/oas-examples/3.1/json/train-travel.json',
])
  describe(`the Koa stub of ${name}`, () => {
    it('starts, and answers each operation with its example', async () => {
      const document = packaged(name);
      const stub = await start(koaStub(document));
      try {
        for (const operation of groupsOf(document).flatMap(({ operations }) => operations)) {
          const { method, example } = operation;
          const heard = await stub.ask(called(operation), { method });
          const expected = example ?? {
            status: 501,
            body: '{"message":"This operation is not implemented."}',
          };
          const isJson = heard.headers.get('content-type')?.includes('json');
          const read = (text = ''): unknown => (isJson ? JSON.parse(text) : text);
          assert.deepEqual(
            [heard.status, read(heard.text)],
            [expected.status, read(expected.body)],
            `${method} ${operation.path}`,
          );
        }
      } finally {
        await stub.stop();
      }
    });
  });
