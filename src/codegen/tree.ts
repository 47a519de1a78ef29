/** Reads documents that may have anything anywhere. */
export type Tree = Readonly<Record<string, unknown>>;

const NOTHING: Tree = {};

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value where it is an object; else an empty one. */
export const treeOf = (value: unknown): Tree => (isTree(value) ? value : NOTHING);
export const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? (value as unknown[]) : [];

export const treeAt = (tree: Tree, key: string): Tree =>
  treeOf(Object.hasOwn(tree, key) ? tree[key] : undefined);
export const listAt = (tree: Tree, key: string): readonly unknown[] => listOf(tree[key]);

const MOST_STEPS = 100;

/** What a value is once its references within the document are followed; it itself where one leads nowhere or in a circle. */
export function resolved(document: Tree, value: unknown): unknown {
  let current = value;
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const ref = isTree(current) ? current['$ref'] : undefined;
    if (typeof ref !== 'string' || !ref.startsWith('#')) return current;
    const target = targetOf(document, ref);
    if (target === undefined) return current;
    current = target;
  }
  return value;
}

export const resolvedTree = (document: Tree, value: unknown): Tree => treeOf(resolved(document, value));

function targetOf(document: Tree, ref: string): unknown {
  let found: unknown = document;
  for (const token of ref.slice(1).split('/').slice(1)) {
    const key = decoded(token).replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}

/** A part of a reference without percent-encoding. */
export function decoded(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}

/** Whether two values of JSON are the same, whatever the order of keys. They come from JSON, so they have no cycles. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b))
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((each, n) => isSame(each, b[n]))
    );
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame((a as Tree)[key], (b as Tree)[key]))
  );
}
