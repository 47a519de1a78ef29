import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { Failure, type FieldProblem } from '../../../src/api/index.js';
import { openGenerators, type OpenGenerators } from '../../../src/codegen/generators/index.js';
import { withPlainNames } from '../../../src/codegen/generators/plain-names.js';
import { withoutForeignReferences } from '../../../src/codegen/generators/references.js';
import { openApiOf } from '../../../src/codegen/source.js';
import type { Files, OpenApi } from '../../../src/codegen/types.js';
import { parse } from '../../../src/kernel/json.js';
import { packageRoot } from '../../../src/kernel/root.js';
import { documents } from '../../support/documents.js';
import { often } from '../../support/profile.js';
import { startServer, type TestServer } from '../../support/server.js';
import { callsOf, compileErrors, hostileDocument, QUIET } from './support.js';

describe('clients by hey-api', () => {
  let generators: OpenGenerators;
  before(() => (generators = openGenerators({}, QUIET)));
  after(() => generators.close());

  /** As a preview makes it: checked, and converted where it is Swagger 2. */
  async function generate(
    document: OpenApi,
    options: Record<string, unknown> = {},
    generator = 'hey-api-fetch',
  ): Promise<Files> {
    const openapi = openApiOf(await documents.prepare({ value: document }));
    return generators.generate({ generator, document: openapi, options });
  }

  describe('of a document that tries to become code', () => {
    const OPTIONS = [
      { operations: 'byTags', enums: 'javascript', parameters: 'flat' },
      { operations: 'single', enums: 'typescript', dates: true },
      { operations: 'flat', dates: true },
    ];
    for (const options of often({ short: OPTIONS.slice(0, 2), long: OPTIONS }))
      it(`compile strictly and call nothing of it, with ${JSON.stringify(options)}`, async () => {
        const files = await generate(hostileDocument(), options);
        assert.deepEqual(compileErrors(files, 'bundler'), []);
        assert.deepEqual(callsOf('PWNED', files), []);
      });
  });

  it('of our own document compile strictly', async () => {
    const server: TestServer = await startServer('sqlite');
    const own = await (
      await fetch(new URL('/openapi.json', server.issuer))
    )
      .json()
      .finally(() => server.stop());
    const files = await generate(own as OpenApi);
    assert.deepEqual(compileErrors(files, 'nodenext'), []);
    assert.match(files.get('sdk.gen.ts') ?? '', /export const codegenGen = /i);
  });

  it('of a Swagger 2 document with names of generic types compile strictly', async () => {
    const name = 'Map«string,Page«Order»»';
    const schema = { $ref: `#/definitions/${name}` };
    const files = await generate({
      swagger: '2.0',
      info: { title: 'Orders', version: '1' },
      host: 'orders.example.com',
      paths: { '/orders': { get: { responses: { 200: { description: 'All', schema } } } } },
      definitions: { [name]: { type: 'object', properties: { next: schema, id: { type: 'string' } } } },
    });
    assert.deepEqual(compileErrors(files, 'nodenext'), []);
    assert.match(files.get('types.gen.ts') ?? '', /^export type MapStringPageOrder = \{/m);
  });

  it('fail with the last lines of the generator and the operation to change, without paths of the machine', async () => {
    const document = {
      openapi: '3.1.0',
      info: { title: 'x', version: '1' },
      paths: {
        '/a': { get: { responses: { 200: { description: '' } } } },
        '/b': { put: { responses: { 200: { $ref: '#missing' } } } },
      },
    };
    const failure: unknown = await generators
      .generate({ generator: 'hey-api-fetch', document, options: {} })
      .catch((error: unknown) => error);
    assert.ok(failure instanceof Failure);
    assert.deepEqual([failure.status, failure.code.code], [422, 200006]);
    const { lastLines, problems } = failure.data as { lastLines: string[]; problems: FieldProblem[] };
    assert.deepEqual(
      problems.map(({ path, message }) => [path, message.slice(0, 14)]),
      [['/paths/~1b/put', 'change PUT /b:']],
    );
    assert.ok(lastLines.length > 0);
    const said = `${failure.message}\n${lastLines.join('\n')}`;
    for (const place of ['gatehouse-codegen', tmpdir(), packageRoot]) assert.ok(!said.includes(place), place);
  });
});

describe('references that a generator would follow out of a document', () => {
  it('are taken out of examples, and others stay', () => {
    const read = parse<OpenApi>(
      `{"a":{"$ref":"#/b"},"b":{"example":{"$ref":"http://127.0.0.1/x","id":1},"list":[{"$ref":"file:///etc/passwd"}]},
        "c":{"$ref":"#/nothing"},"d":{"properties":{"$ref":{"type":"string"}}}}`,
    );
    assert.deepEqual(withoutForeignReferences(read), {
      a: { $ref: '#/b' },
      b: { example: { id: 1 }, list: [{}] },
      c: {},
      d: { properties: { $ref: { type: 'string' } } },
    });
  });
});

describe('an operation that has no plain name', () => {
  const nameOf = (path: string, operationId?: string): unknown => {
    const operation = { ...(operationId !== undefined && { operationId }) };
    withPlainNames({ paths: { [path]: { get: operation } } });
    return operation.operationId;
  };

  it('is named by its path, without what would be code between quotes', () => {
    assert.equal(nameOf("/a','x',PWNED(),'", "'1'"), 'get /a x PWNED');
    assert.equal(nameOf('/a`b'), 'get /a b');
  });

  it('is left to the library where its path is plain', () => {
    assert.equal(nameOf('/items/{id}.json', '1'), undefined);
    assert.equal(nameOf('/items'), undefined);
  });
});
