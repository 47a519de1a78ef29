import { mistake, quoted } from './mistakes.js';
import { dereference, isTree, listAt, pointerOf, refOf, textAt, treeAt, without, type Tree } from './tree.js';

/** Methods of OpenAPI 3 as keys of a path item. */
export const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;

/** A path item, where it stands in the document. */
interface Item {
  key: string;
  item: Tree;
}

/**
 * An OpenAPI 3 document whose paths are those that requests are matched by: without fragments and without references to
 * path items. The operations of paths that differ in the fragment alone are one path's, and those of one method are one.
 * @returns the same object where it is so already.
 */
export function plainPaths(document: Tree): Tree {
  const paths = treeAt(document, 'paths');
  const items = pathKeys(paths).map((key): Item => ({ key, item: itemOf(document, paths[key]) }));
  const isPlain = items.every(({ key, item }) => !key.includes('#') && item === paths[key]);
  if (isPlain) return document;
  const byPath = new Map<string, Item[]>();
  for (const found of items) {
    const path = withoutFragment(found.key);
    byPath.set(path, [...(byPath.get(path) ?? []), found]);
  }
  const extensions = Object.entries(paths).filter(([key]) => key.startsWith('x-'));
  const merged = [...byPath].map(([path, same]): [string, Tree] => [path, mergeItems(document, same)]);
  return { ...document, paths: Object.fromEntries([...merged, ...extensions]) };
}

export const pathKeys = (paths: Tree): string[] => Object.keys(paths).filter((key) => !key.startsWith('x-'));

export const withoutFragment = (key: string): string => key.split('#', 1)[0] ?? '';

function itemOf(document: Tree, item: unknown): Tree {
  if (refOf(item) === undefined) return isTree(item) ? item : {};
  const { value } = dereference(document, item);
  return { ...(isTree(value) ? value : {}), ...(isTree(item) ? without(item, ['$ref']) : {}) };
}

function mergeItems(document: Tree, items: readonly Item[]): Tree {
  const [first] = items;
  if (first && items.length === 1) return first.item;
  const merged: Tree = {};
  for (const { key, item } of items) {
    for (const method of METHODS) {
      if (!isTree(item[method])) continue;
      const operation = withParameters(document, item[method], listAt(item, 'parameters'));
      const before = merged[method];
      merged[method] = isTree(before)
        ? mergeOperations(document, before, operation, pointerOf(['paths', key, method]))
        : operation;
    }
  }
  return merged;
}

/** An operation with its path's parameters, but those that it has itself. */
function withParameters(document: Tree, operation: Tree, shared: readonly unknown[]): Tree {
  const own = parametersOf(document, operation);
  const names = new Set(own.map(nameOf));
  const inherited = shared.map((parameter) => resolved(document, parameter));
  const parameters = [...own, ...inherited.filter((parameter) => !names.has(nameOf(parameter)))];
  return parameters.length === 0 ? operation : { ...operation, parameters };
}

const parametersOf = (document: Tree, operation: Tree): Tree[] =>
  listAt(operation, 'parameters').map((parameter) => resolved(document, parameter));

function resolved(document: Tree, value: unknown): Tree {
  const found = dereference(document, value).value;
  return isTree(found) ? found : {};
}

/** OpenAPI 3: a parameter is known by its place and name. */
const nameOf = (parameter: Tree): string => `${textAt(parameter, 'in')} ${textAt(parameter, 'name')}`;

/** One operation that takes what either takes. Both have their path's parameters. */
function mergeOperations(document: Tree, one: Tree, other: Tree, pointer: string): Tree {
  const merged: Tree = { ...other, ...one };
  const parameters = mergeParameters(parametersOf(document, one), parametersOf(document, other));
  if (parameters.length > 0) merged['parameters'] = parameters;
  const body = mergeBodies(bodyOf(document, one), bodyOf(document, other));
  if (body) merged['requestBody'] = body;
  merged['responses'] = { ...treeAt(other, 'responses'), ...treeAt(one, 'responses') };
  const security = mergeSecurity(document, one, other);
  if (security) merged['security'] = security;
  const permissions = [...permissionsOf(one, pointer), ...permissionsOf(other, pointer)];
  if (permissions.length > 0) merged['x-permission'] = [...new Set(permissions)];
  return merged;
}

function mergeParameters(one: readonly Tree[], other: readonly Tree[]): Tree[] {
  const optional = (parameter: Tree): Tree =>
    textAt(parameter, 'in') === 'path' ? parameter : { ...parameter, required: false };
  const others = new Map(other.map((parameter) => [nameOf(parameter), parameter]));
  const merged = one.map((parameter) => {
    const same = others.get(nameOf(parameter));
    others.delete(nameOf(parameter));
    if (!same) return optional(parameter);
    const both = {
      ...parameter,
      required: parameter['required'] === true && same['required'] === true,
    };
    return isTree(parameter['schema']) && isTree(same['schema'])
      ? { ...both, schema: eitherOf(parameter['schema'], same['schema']) }
      : both;
  });
  return [...merged, ...[...others.values()].map(optional)];
}

const bodyOf = (document: Tree, operation: Tree): Tree | undefined =>
  Object.hasOwn(operation, 'requestBody') ? resolved(document, operation['requestBody']) : undefined;

function mergeBodies(one: Tree | undefined, other: Tree | undefined): Tree | undefined {
  const body = one ?? other;
  if (!body) return undefined;
  if (!one || !other) return { ...body, required: false };
  const content = { ...treeAt(other, 'content') };
  for (const [type, media] of Object.entries(treeAt(one, 'content'))) {
    const same = content[type];
    content[type] = isTree(same) && isTree(media) ? mergeMedia(media, same) : media;
  }
  return { ...other, ...one, content, required: one['required'] === true && other['required'] === true };
}

function mergeMedia(one: Tree, other: Tree): Tree {
  // A media type without a schema takes everything.
  if (!Object.hasOwn(one, 'schema') || !Object.hasOwn(other, 'schema'))
    return without({ ...other, ...one }, ['schema']);
  return { ...other, ...one, schema: eitherOf(one['schema'], other['schema']) };
}

/** A schema that was merged before gets one more alternative. */
function eitherOf(one: unknown, other: unknown): Tree {
  const before = isTree(one) && Object.keys(one).join() === 'anyOf' ? listAt(one, 'anyOf') : [one];
  return { anyOf: [...before, other] };
}

/** The alternatives of both. */
function mergeSecurity(document: Tree, one: Tree, other: Tree): unknown[] | undefined {
  const lists = [one, other].map((operation) => operation['security'] ?? document['security']);
  if (lists.every((list) => list === undefined)) return undefined;
  const given = lists.flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  const names = given.flatMap((alternative) => (isTree(alternative) ? Object.keys(alternative) : []));
  return lists.flatMap((list) => {
    // Without `security` a token is asked, and no scope: that is one of the other's schemes without scopes.
    if (list === undefined) return names.slice(0, 1).map((name) => ({ [name]: [] }));
    return Array.isArray(list) && list.length > 0 ? (list as unknown[]) : [{}];
  });
}

/** @throws DocumentMistakes where `x-permission` is neither a text nor a list of texts. */
export function permissionsOf(operation: Tree, pointer: string): string[] {
  const value = operation['x-permission'];
  if (value === undefined) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (!list.every((name) => typeof name === 'string' && name.trim() !== '' && !name.includes('\0')))
    throw mistake('permission', `Write ${quoted('x-permission')} as a text, or as a list of texts.`, {
      path: `${pointer}/x-permission`,
    });
  return [...new Set(list as string[])];
}
