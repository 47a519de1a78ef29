import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { zipSync, strToU8 } from 'fflate';
import { Failure } from '../../../src/api/index.js';
import { openGenerators, type OpenGenerators } from '../../../src/codegen/generators/index.js';
import { unzipped } from '../../../src/codegen/generators/service.js';
import { zipOf } from '../../../src/codegen/generators/zip.js';
import { LIMITS, ToolFailed } from '../../../src/codegen/process/index.js';
import { packageRoot } from '../../../src/kernel/root.js';
import { needsFiles, skipByName } from '../../support/needs.js';
import { startBackend, type Backend } from '../../support/gateway.js';
import { packaged, QUIET } from './support.js';

const JAR = join(packageRoot, 'node_modules/@openapitools/openapi-generator-cli/bin/openapi-generator.jar');
const PETSTORE = packaged('@readme/oas-examples/3.0/json/petstore.json');

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const failure: unknown = await work.catch((error: unknown) => error);
  assert.ok(failure instanceof Failure, String(failure));
  return failure;
}

describe('the JAR of OpenAPI Generator', () => {
  let generators: OpenGenerators;
  before(function () {
    needsFiles(this, [JAR], 'the packages of package.json (npm ci)');
    if (spawnSync('java', ['-version']).error)
      skipByName(this, 'install Java (apt install openjdk-17-jre-headless)');
    generators = openGenerators({ openapiGenerator: { jar: JAR } }, QUIET);
  });
  after(() => generators?.close());

  it('adds its clients and servers, and leaves names that are taken', async () => {
    const clients = (await generators.clients()).map(({ name }) => name);
    const servers = (await generators.servers()).map(({ name }) => name);
    for (const name of ['hey-api-fetch', 'python', 'typescript-angular', 'openapi-generator-typescript'])
      assert.ok(clients.includes(name), name);
    for (const name of ['gatehouse-koa', 'spring', 'go-server']) assert.ok(servers.includes(name), name);
    assert.equal((await generators.find('typescript'))?.engine, 'hey-api');
  });

  it('says which options a generator has', async () => {
    const { options, language } = (await generators.find('python')) ?? {};
    assert.equal(language, 'python');
    assert.deepEqual(options?.['packageName'], {
      type: 'string',
      default: 'openapi_client',
      description: 'python package name (convention: snake_case).',
    });
    assert.equal(options?.['hideGenerationTimestamp']?.type, 'boolean');
    const { type, enum: libraries } = (await generators.find('java'))?.options['library'] ?? {};
    assert.deepEqual([type, libraries?.slice(0, 3)], ['string', ['jersey1', 'jersey2', 'feign']]);
  });

  it('makes a client, of code alone', async () => {
    const lines: string[] = [];
    const files = await generators.generate(
      { generator: 'python', document: PETSTORE, options: { packageName: 'pets' } },
      { line: (text) => lines.push(text) },
    );
    assert.match(files.get('pets/api/pet_api.py') ?? '', /class PetApi/);
    assert.deepEqual(
      [...files.keys()].filter((path) => path.startsWith('.openapi-generator')),
      [],
    );
    assert.ok(lines.length > 0);
  });

  it('makes a server', async () => {
    const files = await generators.generate({ generator: 'go-server', document: PETSTORE, options: {} });
    assert.match(files.get('go.mod') ?? '', /^module/);
  });

  for (const packageName of ['../../../x', '/etc/x', 'a\\b', 'x'.repeat(201)])
    it(`refuses an option ${JSON.stringify(packageName.slice(0, 20))} that could lead out of its folder [SEC-C6]`, async () => {
      const { status, data } = await failureOf(generators.check('python', { packageName }));
      assert.deepEqual([status, (data as { field: string }[])[0]?.field], [422, 'options/packageName']);
    });

  it('fails with its last lines', async () => {
    const document = {};
    const { status, code, data } = await failureOf(
      generators.generate({ generator: 'python', document, options: {} }),
    );
    assert.deepEqual([status, code.code], [422, 200006]);
    assert.doesNotMatch(JSON.stringify(data), /gatehouse-codegen-|node_modules\/@openapitools/);
  });
});

describe('OpenAPI Generator without Java', () => {
  it('is listed with what to install', async () => {
    const generators = openGenerators({ openapiGenerator: { jar: JAR, java: '/nowhere/java' } }, QUIET);
    const [row] = (await generators.servers()).filter(({ engine }) => engine === 'openapi-generator');
    const { status, message } = await failureOf(generators.check('openapi-generator', {}));
    const one = await failureOf(generators.check('python', {}));
    await generators.close();
    assert.deepEqual(
      [row?.name, row?.available, row?.missing],
      ['openapi-generator', false, 'Java 11 or newer, such as apt install openjdk-17-jre-headless'],
    );
    assert.equal(status, 422);
    assert.match(message, /^genName: openapi-generator is not installed .* openjdk-17-jre-headless$/);
    assert.match(one.message, /^genName: there is no generator "python"; .* openjdk-17-jre-headless$/);
  });
});

describe('a service of OpenAPI Generator', () => {
  let backend: Backend;
  let generators: OpenGenerators;
  let zip: Buffer = Buffer.alloc(0);
  let status = 200;
  const ANSWERS: Record<string, unknown> = {
    'GET /base/api/gen/clients': ['php', 'ruby', '../admin', 7],
    'GET /base/api/gen/servers': ['php-slim4'],
    'GET /base/api/gen/clients/php': {
      srcBasePath: { type: 'string', description: 'The folder', default: 'lib' },
      variableNamingConvention: { enum: { camelCase: 'a', snake_case: 'b' }, default: 'snake_case' },
    },
    'POST /base/api/gen/clients/php': { code: 'c0de', link: 'http://169.254.169.254/latest' },
  };
  before(async () => {
    backend = await startBackend(({ method, url }, response) => {
      response.statusCode = status;
      if (status === 302) response.setHeader('location', `${backend.url}/elsewhere`);
      if (url === '/base/api/gen/download/c0de') return void response.end(zip);
      response.end(JSON.stringify(ANSWERS[`${method} ${url}`] ?? { message: 'no such generator' }));
    });
    generators = openGenerators({ openapiGenerator: { url: `${backend.url}/base/` } }, QUIET);
  });
  after(async () => {
    await generators.close();
    await backend.close();
  });

  const generate = () =>
    generators.generate({ generator: 'php', document: PETSTORE, options: { srcBasePath: 'src' } });

  it('adds its generators and their options', async () => {
    const names = (await generators.clients()).map(({ name }) => name);
    assert.deepEqual(names.slice(-2), ['php', 'ruby']);
    assert.deepEqual((await generators.find('php'))?.options, {
      srcBasePath: { type: 'string', default: 'lib', description: 'The folder' },
      variableNamingConvention: {
        type: 'string',
        default: 'snake_case',
        enum: ['camelCase', 'snake_case'],
        description: '',
      },
    });
  });

  it('answers code by a ZIP, of which the folder around everything is left out', async () => {
    zip = Buffer.from(
      zipSync({ 'php-client/README.md': strToU8('# é'), 'php-client/a.jar': new Uint8Array([255]) }),
    );
    assert.deepEqual([...(await generate())], [['README.md', '# é']]);
    assert.equal(backend.asked.at(-1)?.url, '/base/api/gen/download/c0de');
  });

  const REFUSED: [what: string, zip: () => Buffer, says: RegExp][] = [
    ['climbs', () => Buffer.from(zipSync({ '../../etc/x': strToU8('') })), /not relative, or climbs/],
    ['is absolute', () => Buffer.from(zipSync({ '/etc/x': strToU8('') })), /not relative, or climbs/],
    ['has a backslash', () => Buffer.from(zipSync({ '..\\x': strToU8('') })), /character in its path/],
    [
      'is there in two cases',
      () => Buffer.from(zipSync({ 'a/B.ts': strToU8(''), 'a/b.ts': strToU8('') })),
      /in this or another case/,
    ],
    ['is no text', () => Buffer.from(zipSync({ x: new Uint8Array([255]) })), /not text in UTF-8/],
    ['is no ZIP', () => Buffer.from('PK nothing'), /answers no ZIP/],
    ['is broken off', () => Buffer.from(zipSync({ x: strToU8('abc'.repeat(999)) })).subarray(0, 40), /ZIP/],
  ];
  for (const [what, make, says] of REFUSED)
    it(`is refused where what it answers ${what} [SEC-C6]`, async () => {
      zip = make();
      const failure = await failureOf(generate());
      assert.deepEqual([failure.status, failure.code.code], [422, 200006]);
      assert.match(failure.message, says);
    });

  it('fails with what it says where it refuses', async () => {
    status = 400;
    const { message, data } = await failureOf(generate()).finally(() => (status = 200));
    assert.equal(message, 'the generator service answers 400');
    assert.deepEqual(data, { lastLines: ['{"code":"c0de","link":"http://169.254.169.254/latest"}'] });
  });

  it('is asked at its own address alone: no redirect is followed [SEC-C3]', async () => {
    status = 302;
    const { message } = await failureOf(generate()).finally(() => (status = 200));
    assert.equal(message, 'the generator service answers 302');
    assert.ok(!backend.asked.some(({ url }) => url === '/elsewhere'));
  });
});

describe('a service of OpenAPI Generator that does not answer', () => {
  it('keeps no built-in generator waiting', async () => {
    const backend = await startBackend(() => undefined);
    const limits = { milliseconds: 10 * 60_000 };
    const generators = openGenerators({ openapiGenerator: { url: backend.url } }, QUIET, { limits });
    const found = await Promise.all(
      ['typescript', 'hey-api-axios', 'gatehouse-koa'].map((name) => generators.find(name)),
    );
    await generators.close();
    await backend.close();
    assert.deepEqual(
      found.map((generator) => generator?.name),
      ['hey-api-fetch', 'hey-api-axios', 'gatehouse-koa'],
    );
  });
});

describe('a ZIP', () => {
  it('that becomes too much is refused while it is unpacked', () => {
    const bomb = Buffer.from(zipSync({ a: new Uint8Array(5_000_000) }));
    assert.ok(bomb.length < 10_000);
    assert.throws(
      () => unzipped(bomb, { ...LIMITS, outputBytes: 1_000_000 }),
      (error) => error instanceof ToolFailed && error.message.includes('more than 1000000 bytes'),
    );
  });

  it('with too many files is refused', () => {
    const many = zipSync(Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`f${at}`, strToU8('')])));
    assert.throws(
      () => unzipped(Buffer.from(many), { ...LIMITS, outputFiles: 20 }),
      (error) => error instanceof ToolFailed && error.message.includes('more than 20 files'),
    );
  });

  it('has the files that it was made of, whatever their size', async () => {
    const files = new Map([
      ['a.ts', ''],
      ['b/ü.ts', 'x'.repeat(200_000)],
    ]);
    const zip = await zipOf(files);
    assert.deepEqual([...unzipped(zip, LIMITS)], [...files]);
    assert.deepEqual(zip, await zipOf(files));
  });
});
