import { pointerTo } from '../parts.js';
import { isTree, treeAt, type Tree } from '../tree.js';
import type { OpenApi } from '../types.js';

/**
 * Finds the part of a document that a library fails at, when its error does not say so: the document is tried again and again with
 * half of what is left.
 */

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/** Whether a library fails at a document, which it may change. */
export type Fails = (document: OpenApi) => Promise<boolean>;

type Place = readonly [path: string, method: string];

/** The operations of a document alone that are named. */
function withOperations(document: OpenApi, kept: readonly Place[]): OpenApi {
  const paths: Record<string, Tree> = {};
  for (const [path, item] of Object.entries(treeAt(document, 'paths'))) {
    const methods = kept.filter(([of]) => of === path).map(([, method]) => method);
    if (methods.length > 0 && isTree(item))
      paths[path] = Object.fromEntries(
        Object.entries(item).filter(([key]) => !METHODS.includes(key) || methods.includes(key)),
      );
  }
  return { ...document, paths };
}

/** A document without operations whose other schemas allow anything. */
function withSchemas(document: OpenApi, kept: readonly string[]): OpenApi {
  const components = treeAt(document, 'components');
  const schemas = Object.entries(treeAt(components, 'schemas')).map(([name, schema]): [string, unknown] => [
    name,
    kept.includes(name) ? schema : {},
  ]);
  return {
    ...document,
    paths: {},
    webhooks: {},
    components: { ...components, schemas: Object.fromEntries(schemas) },
  };
}

/**
 * The one of a list that is enough for a failure; undefined where it takes more than one of them, or too long.
 * @param all with which it fails.
 */
async function one<T>(
  all: readonly T[],
  isBad: (kept: readonly T[]) => Promise<boolean>,
): Promise<T | undefined> {
  let left = all;
  while (left.length > 1) {
    const middle = Math.ceil(left.length / 2);
    const [first, second] = [left.slice(0, middle), left.slice(middle)];
    if (await isBad(first)) left = first;
    else if (await isBad(second)) left = second;
    else return undefined;
  }
  return left[0];
}

/**
 * @returns a JSON pointer to an operation or a schema; undefined where it cannot be said.
 * @param until when the search ends (`performance.now()`).
 */
export async function culpritIn(document: OpenApi, fails: Fails, until: number): Promise<string | undefined> {
  const isBad = (part: OpenApi): Promise<boolean> =>
    performance.now() > until ? Promise.resolve(false) : fails(structuredClone(part));
  const names = Object.keys(treeAt(treeAt(document, 'components'), 'schemas'));
  if (await isBad(withSchemas(document, names))) {
    const name = await one(names, (kept) => isBad(withSchemas(document, kept)));
    return name === undefined ? undefined : pointerTo('components', 'schemas', name);
  }
  const places = Object.entries(treeAt(document, 'paths')).flatMap(([path, item]): Place[] =>
    METHODS.filter((method) => isTree(item) && isTree(item[method])).map((method) => [path, method]),
  );
  if (!(await isBad(withOperations(document, places)))) return undefined;
  const place = await one(places, (kept) => isBad(withOperations(document, kept)));
  return place && pointerTo('paths', ...place);
}
