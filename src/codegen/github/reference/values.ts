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
const examples = new WeakMap<object, string>();

const briefly = (name: string, value: unknown): string => {
  if (value === true) return code(name);
  const text = typeof value === 'string' ? value.slice(0, 2 * LONGEST_VALUE) : value;
  return code(`${name}: ${(JSON.stringify(text) ?? '').slice(0, LONGEST_VALUE)}`);
};

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
  const known = examples.get(media);
  if (known !== undefined) return known;
  const schema = resolvedTree(document, media['schema']);
  const example = exampleIn(document, media) ?? exampleIn(document, schema);
  const text =
    example === undefined ? '' : typeof example === 'string' ? example : JSON.stringify(example, null, 2);
  const shown = plainText(text, LONGEST_EXAMPLE);
  examples.set(media, shown);
  return shown;
}
