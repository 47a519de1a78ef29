import type { OpenApi } from '../../types.js';

/** Reads an OpenAPI document that may have anything anywhere. */

export type Thing = Readonly<Record<string, unknown>>;

export const isThing = (value: unknown): value is Thing =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const thingOf = (value: unknown): Thing => (isThing(value) ? value : {});
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const MOST_STEPS = 20;

/** What a reference leads to, within the document; an empty thing where it leads to nothing. */
export function resolve(document: OpenApi, value: unknown): Thing {
  let thing = thingOf(value);
  for (let step = 0; typeof thing['$ref'] === 'string'; step += 1) {
    if (step === MOST_STEPS || !thing['$ref'].startsWith('#/')) return {};
    let found: unknown = document;
    for (const part of thing['$ref'].slice(2).split('/')) {
      const name = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~');
      found = isThing(found) && Object.hasOwn(found, name) ? found[name] : undefined;
    }
    thing = thingOf(found);
  }
  return thing;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

export interface OperationOf {
  method: string;
  path: string;
  operation: Thing;
  /** Those of the path as well, which the operation can replace. */
  parameters: readonly Thing[];
  /** The first one; undefined where it has none. */
  tag: string | undefined;
}

const keyOf = (parameter: Thing): string => JSON.stringify([parameter['in'], parameter['name']]);

/** All operations in the order of the document. */
export function operationsOf(document: OpenApi): OperationOf[] {
  return Object.entries(thingOf(document['paths'])).flatMap(([path, item]) => {
    const of = resolve(document, item);
    return METHODS.filter((method) => isThing(of[method])).map((method): OperationOf => {
      const operation = of[method] as Thing;
      const all = [...listOf(of['parameters']), ...listOf(operation['parameters'])];
      const parameters = all.map((each) => resolve(document, each));
      return {
        method: method.toUpperCase(),
        path,
        operation,
        parameters: [...new Map(parameters.map((each) => [keyOf(each), each])).values()],
        tag: tagsOfOperation(operation)[0],
      };
    });
  });
}

const tagsOfOperation = (operation: Thing): string[] =>
  listOf(operation['tags']).filter((tag): tag is string => typeof tag === 'string' && tag.trim() !== '');

export interface TagOf {
  name: string;
  description: unknown;
}

/** The tags that are declared, and then those that operations only name. */
export function tagsOf(document: OpenApi): TagOf[] {
  const tags = new Map<string, TagOf>();
  for (const tag of listOf(document['tags'])) {
    const { name, description } = thingOf(tag) as { name?: unknown; description?: unknown };
    if (typeof name === 'string' && name.trim() !== '' && !tags.has(name))
      tags.set(name, { name, description });
  }
  for (const { operation } of operationsOf(document))
    for (const name of tagsOfOperation(operation))
      if (!tags.has(name)) tags.set(name, { name, description: undefined });
  return [...tags.values()];
}

const MOST_NESTED = 4;

/** What a schema takes, in a few words: `array of Order`. */
export function typeOf(document: OpenApi, value: unknown, level = 0): string {
  if (!isThing(value)) return 'any';
  if (typeof value['$ref'] === 'string') return decoded(value['$ref'].split('/').at(-1) ?? '');
  if (level === MOST_NESTED) return '…';
  for (const [key, word] of [
    ['oneOf', ' or '],
    ['anyOf', ' or '],
    ['allOf', ' and '],
  ] as const) {
    const parts = listOf(value[key]);
    if (parts.length > 0)
      return [...new Set(parts.map((part) => typeOf(document, part, level + 1)))].join(word);
  }
  const types = [value['type'] ?? []].flat().filter((type) => typeof type === 'string');
  if (types.includes('array')) return `array of ${typeOf(document, value['items'], level + 1)}`;
  const type = types.join(' or ') || (isThing(value['properties']) ? 'object' : 'any');
  const format = typeof value['format'] === 'string' ? ` (${value['format']})` : '';
  const values = listOf(value['enum']).map((each) => JSON.stringify(each));
  return type + format + (values.length > 0 ? `: ${values.join(', ')}` : '');
}
