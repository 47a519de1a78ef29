/** A JSON object of a document. */
export type Tree = Record<string, unknown>;

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object under a key, or an empty one. Only own properties count: documents have keys such as `constructor`. */
export function treeAt(value: unknown, key: string): Tree {
  const found = isTree(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isTree(found) ? found : {};
}

export const listAt = (value: Tree, key: string): readonly unknown[] => {
  const found = Object.hasOwn(value, key) ? value[key] : undefined;
  return Array.isArray(found) ? (found as unknown[]) : [];
};

/** The text under a key, or undefined. */
export const textAt = (value: Tree, key: string): string | undefined => {
  const found = Object.hasOwn(value, key) ? value[key] : undefined;
  return typeof found === 'string' ? found : undefined;
};

/** A JSON pointer (RFC 6901). */
export const pointerOf = (tokens: readonly (string | number)[]): string =>
  tokens.map((token) => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

export const tokensOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

/** What stands behind the keys, one after the other; undefined where there is nothing. */
export function valueAt(root: unknown, tokens: readonly string[]): unknown {
  let value = root;
  for (const token of tokens) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, token)) return undefined;
    value = (value as Tree)[token];
  }
  return value;
}

/** The JSON pointer of a `$ref` into the same document: `#/…`, percent-encoded. Undefined for another one. */
export function pointerOfRef(ref: string): string | undefined {
  if (!ref.startsWith('#/')) return undefined;
  try {
    return decodeURIComponent(ref.slice(1));
  } catch {
    return ref.slice(1);
  }
}

/**
 * What a chain of `$ref`s ends at, and its pointer. The references of the document were checked before: each has an end.
 * @param pointer of `value`.
 */
export function dereference(root: Tree, value: unknown, pointer = ''): { value: unknown; pointer: string } {
  let at = { value, pointer };
  for (let ref = refOf(at.value); ref !== undefined; ref = refOf(at.value)) {
    const next = pointerOfRef(ref);
    if (next === undefined) return at;
    at = { value: valueAt(root, tokensOf(next)), pointer: next };
  }
  return at;
}

export const refOf = (value: unknown): string | undefined =>
  isTree(value) ? textAt(value, '$ref') : undefined;

/** A copy without some keys. */
export const without = (tree: Tree, keys: readonly string[]): Tree =>
  Object.fromEntries(Object.entries(tree).filter(([key]) => !keys.includes(key)));
