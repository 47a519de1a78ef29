import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Failure, type FieldProblem } from '../../../src/api/index.js';
import type { Limits } from '../../../src/codegen/process/index.js';
import { compile, startCompiler } from '../../../src/codegen/sdk/check.js';
import type { Files } from '../../../src/codegen/types.js';
import { heyApi } from '../../support/hey-api.js';
import { documentOf } from '../../support/gateway.js';

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => assert.fail('it compiled'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Failure, String(error));
  assert.deepEqual([error.status, error.code.code], [422, 200006]);
  return error;
}

const linesOf = async (work: Promise<unknown>): Promise<string[]> =>
  ((await failureOf(work)).data as { lastLines: string[] }).lastLines;

const foldersOfThisProcess = (): string[] =>
  readdirSync(tmpdir()).filter((name) =>
    new RegExp(`^gatehouse-codegen-[0-9a-f]+-${process.pid}-`).test(name),
  );

const SCHEMA = { type: 'object', properties: { id: { type: 'string' } } };
const DOCUMENT = {
  ...documentOf({ 'GET /items': null, 'GET /items/{id}': null, 'GET /orders': null }),
  components: { schemas: { 'order-item': SCHEMA, Other: SCHEMA } },
};

describe('the check of generated code', () => {
  /** Clients of the document. */
  let [fetchFiles, axiosFiles]: Files[] = [];
  before(async () => ([fetchFiles, axiosFiles] = await heyApi([[DOCUMENT], [DOCUMENT, 'axios']])));

  it('makes ES modules and declarations, with whole file names in imports', async () => {
    const { files, exampleIsGood } = await compile(
      new Map([
        ['index.ts', "export * from './a';\nexport { c } from './b/'; export type X = import('./a').A;"],
        ['a.ts', 'export type A = string;\nexport const a: A = "./a";'],
        ['b/index.ts', 'import { a } from "../a.js"; export const c = a;'],
        ['README.md', 'not code'],
      ]),
      [],
      { example: 'import { c } from "./index.js"; c.length;' },
    );
    assert.deepEqual([...files.keys()].sort(), [
      'a.d.ts',
      'a.js',
      'b/index.d.ts',
      'b/index.js',
      'index.d.ts',
      'index.js',
    ]);
    assert.equal(files.get('index.js'), "export * from './a.js';\nexport { c } from './b/index.js';\n");
    assert.match(files.get('index.d.ts') ?? '', /import\('\.\/a\.js'\)/);
    assert.equal(exampleIsGood, true);
  });

  it('says which line is wrong, and which operation of the document it is of', async () => {
    const files = new Map(fetchFiles);
    const code = files.get('sdk.gen.ts') ?? assert.fail();
    files.set('sdk.gen.ts', code.replace("url: '/items/{id}'", "url: '/items/{id}', wrong: 1"));
    const [line] = await linesOf(compile(files, []));
    assert.match(line ?? '', /^sdk\.gen\.ts:\d+: .*wrong.* \(GET \/items\/\{id\}\)$/);
  });

  it('says which parts of the document are wrong: an operation, a schema, the servers', async () => {
    const files = new Map(fetchFiles);
    const wrong = ['GetOrdersResponses', 'OrderItem', 'ClientOptions'].reduce(
      (code, name) => code.replace(`export type ${name} = {`, `$&\n    wrong: Missing${name};`),
      files.get('types.gen.ts') ?? assert.fail(),
    );
    files.set('types.gen.ts', wrong);
    const failure: unknown = await compile(files, [], { document: DOCUMENT }).catch(
      (error: unknown) => error,
    );
    assert.ok(failure instanceof Failure, String(failure));
    const { problems } = failure.data as { problems: FieldProblem[] };
    assert.deepEqual(problems.map(({ path, message }) => [path, message.split(':')[0]]).sort(), [
      ['/components/schemas/order-item', 'change the schema "order-item"'],
      ['/paths/~1orders/get', 'change GET /orders'],
      ['/servers', 'change the servers'],
    ]);
  });

  it('says that an example is wrong, and compiles the rest', async () => {
    const { files, exampleIsGood } = await compile(new Map([['index.ts', 'export const a = 1;']]), [], {
      example: 'import { b } from "./index.js"; b;',
    });
    assert.deepEqual([files.size, exampleIsGood], [2, false]);
  });

  it('refuses what is not strict, and what is not of the package itself', async () => {
    const lines = await linesOf(
      compile(
        new Map([
          ['implicit.ts', 'export const f = (a) => a;'],
          ['absolute.ts', 'import * as p from "/etc/passwd"; export default p;'],
          ['reference.ts', '/// <reference path="/etc/passwd" />\nexport {};'],
          ['climbs.ts', 'export * from "../../../../../etc/passwd";'],
          ['node.ts', 'import fs from "node:fs"; export default fs;'],
          ['other.ts', 'import { parse } from "semver"; export default parse;'],
          ['text.ts', '}}}'],
        ]),
        [],
      ),
    );
    const files = new Set(lines.map((line) => line.split(':')[0]));
    assert.deepEqual([...files].sort(), [
      ...['absolute.ts', 'climbs.ts', 'implicit.ts', 'node.ts', 'other.ts', 'reference.ts', 'text.ts'],
    ]);
    assert.ok(!lines.join().includes('root:'));
  });

  const BEYOND: [limits: Partial<Limits>, says: string][] = [
    [{ milliseconds: 1 }, 'the compiler did not end within 0.001 s; make the document smaller'],
    [{ heapMegabytes: 20 }, 'the compiler needs more than 20 MiB of memory; make the document smaller'],
    [
      { outputBytes: 10 },
      'more than 10 bytes, or more than 20000 files, are written; make the document smaller',
    ],
  ];
  for (const [limits, says] of BEYOND)
    it(`says that ${says}`, async () => {
      const failure = await failureOf(compile(new Map([['index.ts', 'export {};']]), [], limits));
      assert.equal(failure.message, says);
      assert.deepEqual(foldersOfThisProcess(), []);
    });

  it('leaves nothing behind where it was started ahead of code that never came', async () => {
    const compiler = startCompiler();
    await compiler.close();
    assert.deepEqual(foldersOfThisProcess(), []);
  });

  it('ends with its job', async () => {
    const controller = new AbortController();
    const work = compile(new Map([['index.ts', 'export {}']]), [], { signal: controller.signal });
    controller.abort(new Error('cancelled'));
    await assert.rejects(work, /cancelled/);
  });

  it('takes packages that the code depends on as they are', async () => {
    const { files: made } = await compile(new Map(axiosFiles), ['axios']);
    assert.match(made.get('client/client.gen.js') ?? '', /from 'axios'/);
  });
});
