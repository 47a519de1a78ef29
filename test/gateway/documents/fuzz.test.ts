import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { checkPath, routerOf, type Documents } from '../../../src/gateway/documents/index.js';
import { DocumentRefused, type CompiledDocument } from '../../../src/gateway/types.js';
import { often, SEED } from '../../support/profile.js';
import { documents } from '../../support/documents.js';

const FOLDER = dirname(createRequire(import.meta.url).resolve('@readme/oas-examples/package.json'));
const REAL = [
  '2.0/json/petstore.json',
  '2.0/yaml/petstore-expanded.yaml',
  '3.0/yaml/petstore-simple.yaml',
  '3.0/json/circular-paths.json',
  '3.0/json/callbacks.json',
  '3.1/yaml/train-travel.yaml',
  '3.1/json/webhooks.json',
].map((name) => readFileSync(join(FOLDER, name), 'utf8'));
const VALUES = REAL.filter((text) => text.startsWith('{')).map((text) => JSON.parse(text) as unknown);

const RUNS = often({ short: 150, long: 3000 });

/** Either prepared whole, or refused with sentences and pointers. */
async function answers(source: Parameters<Documents['prepare']>[0]): Promise<void> {
  try {
    const { compiled, source: kept, openapi } = await documents.prepare(source);
    assert.equal(typeof compiled.title, 'string');
    assert.ok(kept.length > 0);
    if (openapi !== undefined) assert.match(JSON.parse(openapi).openapi, /^3\.[01]/);
  } catch (error) {
    if (!(error instanceof DocumentRefused)) throw error;
    assert.ok(error.problems.length >= 1 && error.problems.length <= 50);
    for (const { message, path, line, rule } of error.problems) {
      assert.ok(message.length > 0 && message.length < 1000, message);
      assert.ok(path === undefined || path === '' || path.startsWith('/'), path);
      assert.ok(line === undefined || ('text' in source && line >= 1));
      assert.notEqual(rule, 'tooComplex');
    }
  }
}

/** All places of a document, by their keys. */
function placesOf(value: unknown, keys: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [keys];
  return [keys, ...Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...keys, key]))];
}

const strange = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(null, 0, '', [], {}, { $ref: '#/paths' }, { $ref: 'a.yaml' }, { $ref: 5 }, [null]),
  // What objects of JavaScript have by themselves, twice: lists are searched for equal items.
  fc
    .constantFrom('valueOf', 'toString', 'toJSON', 'constructor', 'hasOwnProperty', '__proto__', 'length')
    .chain((name) => fc.constantFrom<unknown>(`{"${name}":1}`, `[{"${name}":1},{"${name}":1}]`))
    .map((text) => JSON.parse(text as string) as unknown),
);

/** A real document in which one value is another, or one key is gone. */
const changed = fc
  .tuple(fc.constantFrom(...VALUES), fc.nat(), strange, fc.boolean())
  .map(([value, at, other, isRemoved]) => {
    const copy = structuredClone(value);
    const places = placesOf(copy).slice(1);
    const keys = places[at % places.length] ?? [];
    let parent = copy as Record<string, unknown>;
    for (const key of keys.slice(0, -1)) parent = parent[key] as Record<string, unknown>;
    const last = keys.at(-1) ?? '';
    if (isRemoved && !Array.isArray(parent)) delete parent[last];
    else parent[last] = other;
    return copy;
  });

/** A real text of which a part is something else. */
const garbled = fc
  .tuple(
    fc.constantFrom(...REAL),
    fc.nat(),
    fc.nat({ max: 30 }),
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 10 }),
      fc.constantFrom(
        '\t',
        '&a ',
        '*a',
        '<<: *a',
        '{',
        '}',
        '[',
        '"',
        '|',
        '\n',
        '---\n',
        '#',
        ': ',
        '- ',
        '!!x ',
      ),
    ),
  )
  .map(([text, at, length, other]) => {
    const start = at % text.length;
    return text.slice(0, start) + other + text.slice(start + length);
  });

describe('documents that chance made', () => {
  const check = (arbitrary: fc.Arbitrary<Parameters<Documents['prepare']>[0]>): Promise<void> =>
    fc.assert(
      fc.asyncProperty(arbitrary, (source) => answers(source)),
      { numRuns: RUNS, seed: SEED },
    );

  it('are answered: texts', () =>
    check(fc.string({ unit: 'binary', maxLength: 200 }).map((text) => ({ text }))));
  it('are answered: bytes', () =>
    check(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => ({ text: Buffer.from(bytes).toString('latin1') })),
    ));
  it('are answered: JSON', () => check(fc.jsonValue().map((value) => ({ value }))));
  it('are answered: JSON with a version', () =>
    check(
      fc
        .tuple(
          fc.constantFrom({ openapi: '3.0.3' }, { openapi: '3.1.0' }, { swagger: '2.0' }),
          fc.dictionary(
            fc.constantFrom(
              'info',
              'paths',
              'components',
              'security',
              'servers',
              'definitions',
              'host',
              'parameters',
            ),
            fc.jsonValue(),
          ),
        )
        .map(([version, rest]) => ({ value: { ...version, ...rest } })),
    ));
  it('are answered: real documents with another value', () => check(changed.map((value) => ({ value }))));
  it('are answered: real texts with another part', () => check(garbled.map((text) => ({ text }))));
});

const part = fc.oneof(
  fc.constantFrom('{a}', '{b}', '{c}', '.', ':', '...', 'x', 'ab', '', '%2F', '%41'),
  fc.string({ maxLength: 3 }),
);
const template = fc
  .array(
    fc.array(part, { maxLength: 4 }).map((parts) => parts.join('').replace(/[/?#]/g, '')),
    { minLength: 1, maxLength: 4 },
  )
  .map((segments) => `/${segments.join('/')}`);

describe('routers and paths that chance made', () => {
  const routers = fc
    .array(fc.tuple(fc.constantFrom('GET', 'PUT'), template), { maxLength: 12 })
    .map((keys) => {
      const document: CompiledDocument = {
        type: 'openapi-3.1',
        title: 'chance',
        firstSegments: [],
        operations: keys.map(([method, path]) => ({
          key: `${method} ${path}`,
          method,
          path,
          open: true,
          scopes: [],
          permissions: [],
        })),
      };
      return routerOf(document);
    });
  const paths = fc.oneof(
    template,
    fc.webPath(),
    fc.string({ maxLength: 40 }),
    fc.string({ maxLength: 12, unit: 'grapheme' }).map((text) => `/${encodeURIComponent(text)}`),
  );

  it('match what fills their template, and nothing else [SEC-G4]', () => {
    fc.assert(
      fc.property(routers, paths, (router, path) => {
        const match = router.match('GET', path);
        if (!match || 'allow' in match) return;
        // The template with the parameters in it is the path again.
        const filled = match.operation.path.split('/').map((segment) =>
          segment
            .split(/(\{[^{}/]+\})/)
            .map((piece, at) => (at % 2 === 1 ? undefined : decoded(piece)))
            .filter((text) => text !== undefined),
        );
        const segments = path.split('/').map(decodeURIComponent);
        assert.equal(filled.length, segments.length);
        filled.forEach(([start = '', ...rest], at) => {
          const segment = segments[at] ?? '';
          assert.ok(segment.startsWith(start) && segment.endsWith(rest.at(-1) ?? start), path);
        });
        for (const value of Object.values(match.parameters)) assert.ok(value.length > 0);
      }),
      { numRuns: RUNS * 20, seed: SEED },
    );
  });

  it('answer about any path', () => {
    fc.assert(
      fc.property(paths, (path) => {
        const isGood = checkPath(path) === 'ok';
        if (isGood) decodeURIComponent(path);
        const { pathname } = new URL(
          `http://h${path.startsWith('/') ? '' : '/'}${path.replace(/[?#\s]/g, '')}`,
        );
        if (isGood && !/[\\\s?#]/.test(path))
          assert.equal(pathname.split('/').length, path.split('/').length + (path.startsWith('/') ? 0 : 1));
      }),
      { numRuns: RUNS * 20, seed: SEED },
    );
  });
});

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
