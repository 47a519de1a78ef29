import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { checkPath, openDocuments, routerOf, type Documents } from '../../../src/gateway/documents/index.js';
import {
  DocumentRefused,
  type CompiledDocument,
  type CompiledOperation,
} from '../../../src/gateway/types.js';
import { bodyOf, send } from '../../support/http.js';
import { SEED } from '../../support/profile.js';
import { startServer } from '../../support/server.js';

const require = createRequire(import.meta.url);
const folderOf = (name: string): string => dirname(require.resolve(`${name}/package.json`));

const EXAMPLES = folderOf('@readme/oas-examples');
const examples = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
  .filter((name) => /^[23]\.[01][/\\].*\.(json|yaml)$/.test(name))
  .map((name) => name.replaceAll('\\', '/'))
  .sort();

/** They name a security scheme that they do not have, or have no response. */
const REFUSED: Readonly<Record<string, string>> = {
  '3.0/json/openapi-workshop/post.json': 'minProperties 26:9',
  '3.0/json/response-http-behavior.json': 'security 50:11',
  '3.0/yaml/response-http-behavior.yaml': 'security 42:11',
};

/** By its own rules, and slowly: which operations a path can mean, the one that wins first. */
function meant({ operations }: CompiledDocument, method: string, path: string): CompiledOperation[] {
  const segments = path.split('/').slice(1).map(decodeURIComponent);
  const kinds = (template: string): number[] =>
    template
      .split('/')
      .slice(1)
      .map((segment) => (/^\{[^{}]+\}$/.test(segment) ? 2 : /\{[^{}]+\}/.test(segment) ? 1 : 0));
  const fits = (template: string): boolean => {
    const parts = template.split('/').slice(1);
    return (
      parts.length === segments.length &&
      parts.every((part, at) => {
        const pieces = part
          .split(/\{[^{}]+\}/)
          .map((text) => decodeURIComponent(text).replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
        return new RegExp(`^${pieces.join('(.+?)')}$`, 'su').test(segments[at] ?? '');
      })
    );
  };
  const order = (one: number[], other: number[]): number => {
    const at = one.findIndex((kind, index) => kind !== other[index]);
    return at === -1 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
  };
  return operations
    .filter((operation) => operation.method === method && fits(operation.path))
    .sort((one, other) => order(kinds(one.path), kinds(other.path)));
}

const letters = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(...'abXY09-_~ é%/😀') });

/** Calls each operation by a path that is made for it, and paths that nobody described. */
function callEach(document: CompiledDocument): void {
  const router = routerOf(document);
  let own = 0;
  document.operations.forEach((operation, index) => {
    const values = fc.sample(letters, { numRuns: 20, seed: SEED + index });
    const path = operation.path.replace(/\{[^{}]+\}/g, () => encodeURIComponent(values.pop() ?? 'x'));
    assert.equal(checkPath(path), 'ok');
    const match = router.match(operation.method, path);
    assert.ok(match && 'operation' in match, `${operation.key} by ${path}`);
    const [winner] = meant(document, operation.method, path);
    assert.equal(match.operation.key, winner?.key, `${operation.key} by ${path}`);
    if (match.operation === operation) own += 1;
    assert.equal(router.match(operation.method, `/~outside~${path}`), undefined);
    assert.ok('allow' in (router.match('NOTHING', path) ?? {}));
    const longer = `${path}/~outside~`;
    assert.equal(
      router.match(operation.method, longer) !== undefined,
      meant(document, operation.method, longer).length > 0 || allows(document, longer),
    );
  });
  assert.ok(own >= document.operations.length * 0.98, `${own} of ${document.operations.length}`);
}

const allows = (document: CompiledDocument, path: string): boolean =>
  [...new Set(document.operations.map(({ method }) => method))].some(
    (method) => meant(document, method, path).length > 0,
  );

describe('real documents', () => {
  let documents: Documents;
  before(() => (documents = openDocuments()));
  after(() => documents.close());

  it('are there', () => assert.ok(examples.length > 100));

  for (const name of examples)
    it(`${name} is ${REFUSED[name] ? 'refused with a line' : 'prepared, and each operation is reached'}`, async () => {
      const text = readFileSync(join(EXAMPLES, name), 'utf8');
      try {
        const { compiled } = await documents.prepare({ text });
        callEach(compiled);
        assert.equal(undefined, REFUSED[name]);
      } catch (error) {
        if (!(error instanceof DocumentRefused)) throw error;
        const [{ rule, line, column } = { rule: '' }] = error.problems;
        assert.equal(`${rule} ${line}:${column}`, REFUSED[name], error.message);
      }
    });

  for (const file of ['3.1.json', '3.1.yaml'])
    it(`Scalar Galaxy, ${file}, is prepared, and each operation is reached`, async () => {
      const text = readFileSync(require.resolve(`@scalar/galaxy/${file}`), 'utf8');
      const { compiled } = await documents.prepare({ text });
      assert.equal(compiled.operations.length, 9);
      callEach(compiled);
    });

  it("GitHub's is prepared, and each operation is reached", async () => {
    const file = join(folderOf('@octokit/openapi'), 'generated', 'api.github.com.json');
    const { compiled, openapi } = await documents.prepare({ text: readFileSync(file, 'utf8') });
    assert.ok(compiled.operations.length > 1000);
    assert.equal(compiled.serverUrl, 'https://api.github.com');
    assert.equal(openapi, undefined);
    callEach(compiled);
  });

  it("the management API's is prepared, and each operation is reached", async () => {
    const server = await startServer('sqlite');
    try {
      const value = bodyOf(await send(new URL('/openapi.json', server.issuer)));
      const { compiled } = await documents.prepare({ value });
      assert.ok(compiled.operations.length > 100);
      callEach(compiled);
    } finally {
      await server.stop();
    }
  });

  it('in JSON and YAML compile to the same', async () => {
    const read = async (name: string) =>
      (await documents.prepare({ text: readFileSync(join(EXAMPLES, name), 'utf8') })).compiled;
    for (const name of ['2.0/%/petstore.%', '3.0/%/star-trek.%', '3.1/%/petstore.%'])
      assert.deepEqual(await read(name.replaceAll('%', 'json')), await read(name.replaceAll('%', 'yaml')));
  });
});
