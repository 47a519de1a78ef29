import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import { koaStub } from '../../../src/codegen/generators/koa/index.js';
import { openApiOf } from '../../../src/codegen/source.js';
import type { Files, OpenApi } from '../../../src/codegen/types.js';
import { packageRoot } from '../../../src/kernel/root.js';
import { documents } from '../../support/documents.js';
import { send, type Heard, type Said } from '../../support/http.js';
import { built, callsOf, compileErrors, hostileDocument, packaged, written } from './support.js';

interface Stub {
  /** Where it says that it listens. */
  url: string;
  ask(path: string, said?: Said): Promise<Heard>;
  /** Asks it to end. @returns its exit code; null where a signal has ended it */
  stop(): Promise<number | null>;
}

const TSC = join(packageRoot, 'node_modules', 'typescript', 'bin', 'tsc');

/** Compiles a stub as its `npm start` does. @returns its folder */
async function compiledAsStarted(files: Files): Promise<string> {
  const cwd = written(files);
  await promisify(execFile)(process.execPath, [TSC], { cwd });
  return cwd;
}

/** Starts a stub that was compiled, at a free port. */
async function startIn(cwd: string, env: Record<string, string> = {}): Promise<Stub> {
  const server = spawn(process.execPath, ['dist/server.js'], { cwd, env: { PORT: '0', ...env } });
  let said = '';
  const url = await new Promise<string>((done, fail) => {
    const take = (chunk: Buffer): void => {
      said += chunk.toString();
      const [, found] = /^listening on (\S+)\n/m.exec(said) ?? [];
      if (found !== undefined) done(found);
    };
    server.stdout.on('data', take);
    server.stderr.on('data', take);
    server.on('exit', () => fail(new Error(said)));
  });
  return {
    url,
    ask: (path, more = {}) => send(new URL(path, url), more),
    stop: () =>
      new Promise((done) => {
        server.on('close', (code) => done(code));
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
  '/named/{delete}': {
    get: answering({ is: 'keyword' }, { operationId: 'delete', tags: ['Pets'] }),
    put: answering({ is: 'the same in capitals' }, { operationId: 'DELETE', tags: ['pets'] }),
    post: answering({ is: 'of another language' }, { operationId: '削除', tags: ['__proto__'] }),
  },
  "/'); PWNED(`${1}`); (' */{__proto__}": {
    get: answering({ is: '*/ code' }, { operationId: "');PWNED();('", summary: '*/ PWNED(); /*\n' }),
  },
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
  let folder: string;
  let stub: Stub;
  before(async () => {
    folder = await compiledAsStarted(koaStub(ITEMS));
    stub = await startIn(folder);
  });
  after(() => stub.stop());

  it('listens on this machine alone, unless HOST says otherwise', async () => {
    assert.match(stub.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    const open = await startIn(folder, { HOST: '0.0.0.0' });
    try {
      assert.match(open.url, /^http:\/\/0\.0\.0\.0:\d+$/);
    } finally {
      await open.stop();
    }
  });

  it('names HOST and PORT in its README', () => {
    const readme = koaStub(ITEMS).get('README.md') ?? '';
    assert.match(readme, /^HOST=127\.0\.0\.1 PORT=3000 npm start$/m);
  });

  it('ends at SIGTERM, also while a connection is kept open', async () => {
    const other = await startIn(folder);
    const agent = new Agent({ keepAlive: true });
    const { status } = await new Promise<{ status: number | undefined }>((done, fail) => {
      get(`${other.url}/text`, { agent }, (response) => {
        response.resume().on('end', () => done({ status: response.statusCode }));
      }).on('error', fail);
    });
    assert.equal(status, 201);
    assert.equal(await other.stop(), 0);
    agent.destroy();
  });

  const ANSWERS: [call: string, status: number, type: string | undefined, body: string][] = [
    ['GET /items/7', 200, 'application/json', '{"is":"template"}'],
    ['GET /items/a%2Fb', 200, 'application/json', '{"is":"template"}'],
    ['GET /items/new', 200, 'application/json', '{"is":"literal"}'],
    ['GET /items/7.json', 200, 'application/json', '{"is":"mixed"}'],
    ['GET /compare/v1...v2', 200, 'application/json', '{"is":"two"}'],
    ['GET /k%C3%A4se/gro%C3%9F', 200, 'application/json', '{"is":"letters"}'],
    ['GET /k%c3%a4se/1', 200, 'application/json', '{"is":"letters"}'],
    ['GET /named/1', 200, 'application/json', '{"is":"keyword"}'],
    ['PUT /named/1', 200, 'application/json', '{"is":"the same in capitals"}'],
    ['POST /named/1', 200, 'application/json', '{"is":"of another language"}'],
    [`GET ${encodeURI("/'); PWNED(`${1}`); (' */7")}`, 200, 'application/json', '{"is":"*/ code"}'],
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
      const [, method = '', path = ''] = /^(\S+) (.*)$/.exec(call) ?? [];
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

type Tree = Record<string, unknown>;

/** What a document says of the first successful answer of an operation, or else of its first answer. */
interface Described {
  method: string;
  path: string;
  status: number;
  /** By media type; empty where the answer has no body. */
  content: Record<string, Tree>;
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

/** The operations of a document, read from it without anything of the generator. */
function describedIn(document: OpenApi): Described[] {
  return Object.entries(document['paths'] as Record<string, Record<string, Tree>>).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method): Described => {
      const responses = item[method]?.['responses'] as Record<string, Tree>;
      const codes = Object.keys(responses);
      const success = codes.filter((each) => /^2\d\d$/.test(each)).sort()[0];
      const code = success ?? (codes.includes('default') ? 'default' : codes[0]);
      const found = resolved(document, responses[code ?? '']);
      return {
        method: method.toUpperCase(),
        path: path.replace(/\{[^}]+\}/g, 'value'),
        status: /^\d{3}$/.test(code ?? '') ? Number(code) : 200,
        content: (found?.['content'] ?? {}) as Record<string, Tree>,
      };
    }),
  );
}

function resolved(document: OpenApi, part: Tree | undefined): Tree | undefined {
  const { $ref: reference } = part ?? {};
  if (typeof reference !== 'string') return part;
  const found = reference
    .slice(2)
    .split('/')
    .reduce((tree: Tree, key) => tree[key.replaceAll('~1', '/')] as Tree, document);
  return resolved(document, found);
}

/** The example that the document gives of a body; undefined where it gives none. */
function givenExample(document: OpenApi, media: Tree): unknown {
  const [named] = Object.values((media['examples'] ?? {}) as Record<string, Tree>);
  const schema = resolved(document, media['schema'] as Tree | undefined);
  return media['example'] ?? resolved(document, named)?.['value'] ?? schema?.['example'];
}

/** What is written only is not answered, also where it is required. */
const withoutRequired = (json: string): Tree =>
  JSON.parse(json, (key, value: unknown) => (key === 'required' ? undefined : value)) as Tree;

/** Fails where an answer is not the document's example, or fits no schema where the document has none. */
function checkAnswer(document: OpenApi, { content, status, method, path }: Described, heard: Heard): void {
  const what = `${method} ${path}`;
  assert.equal(heard.status, status, what);
  const types = Object.keys(content);
  if (types.length === 0) return;
  const type = heard.headers.get('content-type') ?? '';
  assert.ok(types.includes(type), `${what}: ${type}`);
  const media = content[type] ?? {};
  const given = givenExample(document, media);
  const body: unknown = /json/.test(type) ? JSON.parse(heard.text) : heard.text;
  if (given !== undefined) return assert.deepEqual(body, given, what);
  assert.notEqual(heard.text, '', what);
  if (!/json/.test(type)) return;
  const ajv = new Ajv({ strict: false, validateFormats: false });
  ajv.addSchema(withoutRequired(JSON.stringify(document)), 'document');
  const schema = withoutRequired(JSON.stringify(media['schema']).replaceAll('"#/', '"document#/'));
  assert.ok(ajv.validate(schema, body), `${what}: ${ajv.errorsText()} in ${heard.text}`);
}

for (const [kind, name] of [
  ['OpenAPI 3.1', '@scalar/galaxy/3.1.json'],
  ['OpenAPI 3.0', '@readme/oas-examples/3.0/json/petstore.json'],
  ['Swagger 2', '@readme/oas-examples/2.0/json/petstore.json'],
] as const)
  describe(`the Koa stub of a document of ${kind}, ${name}`, () => {
    it('starts, and answers each operation with its example, or one that fits its schema', async () => {
      const document = openApiOf(await documents.prepare({ value: packaged(name) }));
      const described = describedIn(document);
      assert.ok(described.length > 5);
      const stub = await startIn(built(koaStub(document)));
      try {
        for (const operation of described)
          checkAnswer(document, operation, await stub.ask(operation.path, { method: operation.method }));
      } finally {
        await stub.stop();
      }
    });
  });
