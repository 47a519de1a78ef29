import { decoded, isTree, listOf, resolvedTree, treeOf, type Tree } from '../../tree.js';
import type { OpenApi } from '../../types.js';

/** Reads an OpenAPI document that may have anything anywhere. */

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

export interface OperationOf {
  method: string;
  path: string;
  operation: Tree;
  /** Those of the path as well, which the operation can replace. Many operations can share a long list. */
  parameters(): readonly Tree[];
  /** The first one; undefined where it has none. */
  tag: string | undefined;
}

const keyOf = (parameter: Tree): string => JSON.stringify([parameter['in'], parameter['name']]);

/** All operations in the order of the document. */
export function operationsOf(document: OpenApi): OperationOf[] {
  return Object.entries(treeOf(document['paths'])).flatMap(([path, item]) => {
    const of = resolvedTree(document, item);
    return METHODS.filter((method) => isTree(of[method])).map((method): OperationOf => {
      const operation = of[method] as Tree;
      return {
        method: method.toUpperCase(),
        path,
        operation,
        parameters: () => parametersOf(document, of, operation),
        tag: tagsOfOperation(operation)[0],
      };
    });
  });
}

/** By the operation: many paths can refer to one with a long list. */
const parametersOfOperations = new WeakMap<Tree, readonly Tree[]>();

function parametersOf(document: OpenApi, path: Tree, operation: Tree): readonly Tree[] {
  const known = parametersOfOperations.get(operation);
  if (known) return known;
  const all = [...listOf(path['parameters']), ...listOf(operation['parameters'])];
  const parameters = all.map((each) => resolvedTree(document, each));
  const found = [...new Map(parameters.map((each) => [keyOf(each), each])).values()];
  parametersOfOperations.set(operation, found);
  return found;
}

const tagsOfOperation = (operation: Tree): string[] =>
  listOf(operation['tags']).filter((tag): tag is string => typeof tag === 'string' && tag.trim() !== '');

export interface TagOf {
  name: string;
  description: unknown;
}

/** The tags that are declared, and then those that operations only name. */
export function tagsOf(document: OpenApi): TagOf[] {
  const tags = new Map<string, TagOf>();
  for (const tag of listOf(document['tags'])) {
    const { name, description } = treeOf(tag) as { name?: unknown; description?: unknown };
    if (typeof name === 'string' && name.trim() !== '' && !tags.has(name))
      tags.set(name, { name, description });
  }
  for (const { operation } of operationsOf(document))
    for (const name of tagsOfOperation(operation))
      if (!tags.has(name)) tags.set(name, { name, description: undefined });
  return [...tags.values()];
}

const MOST_NESTED = 4;

/** By the schema: many operations can share a large one. */
const types = new WeakMap<object, string>();

/** What a schema takes, in a few words: `array of Order`. */
export function typeOf(document: OpenApi, value: unknown): string {
  if (!isTree(value)) return 'any';
  const known = types.get(value) ?? wordsOf(document, value, 0);
  types.set(value, known);
  return known;
}

function wordsOf(document: OpenApi, value: unknown, level: number): string {
  if (!isTree(value)) return 'any';
  if (typeof value['$ref'] === 'string') return decoded(value['$ref'].split('/').at(-1) ?? '');
  if (level === MOST_NESTED) return '…';
  for (const [key, word] of [
    ['oneOf', ' or '],
    ['anyOf', ' or '],
    ['allOf', ' and '],
  ] as const) {
    const parts = listOf(value[key]);
    if (parts.length > 0)
      return [...new Set(parts.map((part) => wordsOf(document, part, level + 1)))].join(word);
  }
  const names = [value['type'] ?? []].flat().filter((type) => typeof type === 'string');
  if (names.includes('array') || (names.length === 0 && isTree(value['items'])))
    return `array of ${wordsOf(document, value['items'], level + 1)}`;
  const type = names.join(' or ') || (isTree(value['properties']) ? 'object' : 'any');
  const format = typeof value['format'] === 'string' ? ` (${value['format']})` : '';
  const values = listOf(value['enum']).map((each) => JSON.stringify(each));
  return type + format + (values.length > 0 ? `: ${values.join(', ')}` : '');
}
