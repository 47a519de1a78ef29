import type { OpenApi } from '../../types.js';
import { code, plainText } from '../../markdown.js';
import { isTree, listOf, resolvedTree, type Tree } from '../../tree.js';

/** What values a schema or a parameter takes: its default, its limits, an example. */

const LIMITS = [
  ...['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum', 'multipleOf'],
  ...['minLength', 'maxLength', 'pattern', 'minItems', 'maxItems', 'uniqueItems'],
  ...['minProperties', 'maxProperties', 'nullable', 'readOnly', 'writeOnly', 'deprecated'],
];
const LONGEST_VALUE = 200;
const LONGEST_EXAMPLE = 4000;

/** By the schema or parameter: many operations can share a large one. */
const values = new WeakMap<object, string>();
/** By the value: many schemas, parameters and media types can name one example. */
const briefTexts = new WeakMap<object, string>();
const exampleTexts = new WeakMap<object, string>();

/** The text of a value, which is made once where the value can be large. */
function textOf(value: unknown, known: WeakMap<object, string>, make: (value: unknown) => string): string {
  if (typeof value !== 'object' || value === null) return make(value);
  const text = known.get(value) ?? make(value);
  known.set(value, text);
  return text;
}

const briefText = (value: unknown): string =>
  (JSON.stringify(typeof value === 'string' ? value.slice(0, 2 * LONGEST_VALUE) : value) ?? '').slice(
    0,
    LONGEST_VALUE,
  );

const briefly = (name: string, value: unknown): string =>
  code(value === true ? name : `${name}: ${textOf(value, briefTexts, briefText)}`);

/** The example that a schema, a parameter or a media type gives itself. */
function exampleIn(document: OpenApi, tree: Tree): unknown {
  if (tree['example'] !== undefined) return tree['example'];
  const { examples: given } = tree;
  if (Array.isArray(given)) return listOf(given)[0];
  const [first] = isTree(given) ? Object.values(given) : [];
  return resolvedTree(document, first)['value'];
}

function ownValues(document: OpenApi, tree: Tree): string {
  const known = values.get(tree);
  if (known !== undefined) return known;
  const given: [name: string, value: unknown][] = [
    ...['default', 'const', ...LIMITS].map((name): [string, unknown] => [name, tree[name]]),
    ['example', exampleIn(document, tree)],
  ];
  const text = given
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => briefly(name, value))
    .join(', ');
  values.set(tree, text);
  return text;
}

/** In a cell of a table. @param whole a schema, which can be a reference; or a parameter with its schema */
export const valuesOf = (document: OpenApi, ...whole: readonly unknown[]): string =>
  whole
    .map((each) => ownValues(document, resolvedTree(document, each)))
    .filter(Boolean)
    .join(', ');

/** The example of a media type, or of its schema, to be shown as a block of code; empty where there is none. */
export function exampleText(document: OpenApi, media: Tree): string {
  const example = exampleIn(document, media) ?? exampleIn(document, resolvedTree(document, media['schema']));
  return textOf(example, exampleTexts, longText);
}

function longText(value: unknown): string {
  if (value === undefined) return '';
  return plainText(typeof value === 'string' ? value : JSON.stringify(value, null, 2), LONGEST_EXAMPLE);
}
