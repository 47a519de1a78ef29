import assert from 'node:assert/strict';
import fc from 'fast-check';
import { routerOf } from '../../../src/gateway/documents/index.js';
import type { CompiledDocument, CompiledOperation } from '../../../src/gateway/types.js';
import { often, SEED } from '../../support/profile.js';

/** A template of one segment: its texts, which are one more than its names. */
interface Part {
  texts: string[];
  names: string[];
}

/** A path of the document, with its operations. */
interface Form {
  parts: Part[];
  operations: CompiledOperation[];
}

const partOf = (text: string): Part => {
  const pieces = text.split(/\{([a-z]+)\}/);
  return {
    texts: pieces.filter((_, at) => at % 2 === 0).map(decodeURIComponent),
    names: pieces.filter((_, at) => at % 2 === 1),
  };
};

const partsOf = ({ path }: CompiledOperation): Part[] => path.split('/').slice(1).map(partOf);
const shapeOf = (parts: readonly Part[]): string => JSON.stringify(parts.map(({ texts }) => texts));

/** 0 for a literal segment, 1 for one with text and templates, 2 for a template alone. */
function kindOf({ texts, names }: Part): number {
  if (names.length === 0) return 0;
  return texts.join('') === '' && names.length === 1 ? 2 : 1;
}

/** The values of a part's templates in a text: one character or more each, and as few as can be. */
function valuesOf({ texts, names }: Part, text: string): string[] | undefined {
  if (names.length === 0) return text === texts[0] ? [] : undefined;
  const escaped = texts.map((each) => each.replaceAll('.', String.raw`\.`));
  return new RegExp(`^${escaped.join('(.+?)')}$`, 'su').exec(text)?.slice(1);
}

/** The forms in the order in which they are tried. Of two mixed parts with texts of the same length, the document's first. */
function formsOf(operations: readonly CompiledOperation[]): Form[] {
  const forms = new Map<string, Form>();
  const first = new Map<string, number>();
  operations.forEach((operation, at) => {
    const parts = partsOf(operation);
    parts.forEach((_, index) => {
      const prefix = shapeOf(parts.slice(0, index + 1));
      first.set(prefix, first.get(prefix) ?? at);
    });
    const form = forms.get(shapeOf(parts)) ?? { parts, operations: [] };
    form.operations.push(operation);
    forms.set(shapeOf(parts), form);
  });
  const compare = (one: Form, other: Form): number => {
    // No request matches both, but an order has to put them somewhere.
    if (one.parts.length !== other.parts.length) return one.parts.length - other.parts.length;
    for (const [at, part] of one.parts.entries()) {
      const [mine, its] = [one, other].map(({ parts }) => shapeOf(parts.slice(0, at + 1)));
      const against = other.parts[at];
      if (!against || mine === its) continue;
      const longer = part.texts.map((text, index) => (against.texts[index] ?? '').length - text.length);
      const more = against.texts.slice(part.texts.length).map((text) => text.length);
      const differences = [
        kindOf(part) - kindOf(against),
        ...(kindOf(part) === 1 ? [...longer, ...more] : []),
        (first.get(mine ?? '') ?? 0) - (first.get(its ?? '') ?? 0),
      ];
      return differences.find((difference) => difference !== 0) ?? 0;
    }
    return 0;
  };
  return [...forms.values()].sort(compare);
}

function decoded(path: string): string[] | undefined {
  try {
    return path.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** What a router must answer: each form is tried on the whole path, one after the other. */
function expected(forms: readonly Form[], method: string, path: string): unknown {
  const segments = decoded(path);
  if (!path.startsWith('/') || !segments || segments.slice(0, -1).includes('')) return undefined;
  const others = new Set<string>();
  for (const { parts, operations } of forms) {
    if (parts.length !== segments.length) continue;
    if (!parts.every((part, at) => valuesOf(part, segments[at] ?? ''))) continue;
    const serving = (name: string) => operations.find((operation) => operation.method === name);
    const operation = serving(method) ?? (method === 'HEAD' ? serving('GET') : undefined);
    if (operation)
      return [
        operation.key,
        Object.fromEntries(
          partsOf(operation).flatMap((part, at) =>
            part.names.map((name, index) => [name, valuesOf(part, segments[at] ?? '')?.[index]]),
          ),
        ),
      ];
    for (const other of operations) others.add(other.method);
  }
  if (others.has('GET')) others.add('HEAD');
  return others.size === 0 ? undefined : [...others].sort();
}

const LITERALS = ['a', 'b', 'a.b', '%61', 'a%2Fb', '', 'é'];
const MIXED = [
  '{x}.b',
  '{y}.c',
  'a{x}',
  '{x}{y}',
  '{x}-{y}',
  '{x}.{y}',
  '{z}.{x}',
  '{x}-{y}.{z}',
  '{x}.{y}-{z}',
];
const TEXTS = ['a', 'b', 'a.b', 'ab.c', 'a-b.c-d', 'a.b-c.d', '%61', 'a%2Fb', '', 'é', '%C3%A9', '😀b', '%'];
const numbered = fc.nat(40).map((n) => `n${n}`);
const pathOf = (segment: fc.Arbitrary<string>) =>
  fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => `/${segments.join('/')}`);
const template = pathOf(
  fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...LITERALS) },
    { weight: 3, arbitrary: fc.constantFrom(...MIXED) },
    { weight: 2, arbitrary: fc.constantFrom('{x}', '{y}') },
    { weight: 1, arbitrary: numbered },
  ),
);
const path = pathOf(
  fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...TEXTS) }, { weight: 1, arbitrary: numbered }),
);
const operations = fc
  .array(fc.tuple(fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'TRACE'), template), {
    minLength: 20,
    maxLength: 60,
  })
  .map((keys) =>
    keys.map(([method, written]): CompiledOperation => {
      const key = `${method} ${written}`;
      return { key, method, path: written, open: false, scopes: [], permissions: [] };
    }),
  );
const asked = fc.tuple(fc.constantFrom('GET', 'HEAD', 'PUT', 'DELETE', 'OTHER', ''), path);

describe('a router of operations that chance made', () => {
  it('answers as if it tried the paths of the document one by one, in their order', () => {
    fc.assert(
      fc.property(operations, fc.array(asked, { minLength: 10, maxLength: 30 }), (all, requests) => {
        const document: CompiledDocument = {
          ...{ type: 'openapi-3.1', title: 'chance', firstSegments: [] },
          operations: all,
        };
        const router = routerOf(document);
        const forms = formsOf(all);
        for (const [method, sent] of requests) {
          const match = router.match(method, sent);
          const found =
            match && ('allow' in match ? match.allow : [match.operation.key, { ...match.parameters }]);
          assert.deepEqual(found, expected(forms, method, sent), `${method} ${sent}`);
        }
      }),
      { numRuns: often({ short: 200, long: 5000 }), seed: SEED },
    );
  });
});
