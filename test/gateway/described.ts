/**
 * What a document describes, read by rules of its own and slowly: what tests compare the gateway with. It shares no code with
 * src/gateway/documents.
 */

type Tree = Record<string, unknown>;

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const WITH_SCOPES = new Set(['oauth2', 'openIdConnect']);
const TEMPLATE = /\{[^{}]+\}/;

export interface Described {
  /** `GET /items/{id}`: what a policy calls the operation. */
  key: string;
  method: string;
  path: string;
  /**
   * The ways in, one of which is enough: the scopes that a token must have, or null where no token is needed. A document that says
   * nothing of security has one way, a token without scopes.
   */
  ways: (string[] | null)[];
}

/** How a request ends: at an operation, at other methods of its path (405, or 204 for OPTIONS), or nowhere. */
export type Meaning = { operation: Described } | { allow: string[] } | undefined;

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const treeIn = (tree: Tree, key: string): Tree => {
  const value = tree[key];
  return isTree(value) ? value : {};
};

function resolve(document: Tree, value: unknown): Tree {
  if (!isTree(value)) return {};
  const { $ref, ...own } = value;
  if (typeof $ref !== 'string') return value;
  const names = $ref.split('/').slice(1);
  const target = names.reduce<unknown>(
    (at, name) =>
      isTree(at) ? at[decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~')] : {},
    document,
  );
  return { ...resolve(document, target), ...own };
}

function waysInto(document: Tree, operation: Tree): Described['ways'] {
  const security = operation['security'] ?? document['security'];
  if (!Array.isArray(security)) return [[]];
  if (security.length === 0) return [null];
  const schemes = {
    ...treeIn(document, 'securityDefinitions'),
    ...treeIn(treeIn(document, 'components'), 'securitySchemes'),
  };
  return (security as Record<string, string[]>[]).map((way) => {
    if (Object.keys(way).length === 0) return null;
    return Object.entries(way).flatMap(([name, scopes]) =>
      WITH_SCOPES.has(String(resolve(document, schemes[name])['type'])) ? scopes : [],
    );
  });
}

/** The operations of a document as it was parsed: Swagger 2 or OpenAPI 3. */
export function describedBy(document: Tree): Described[] {
  const found = new Map<string, Described>();
  for (const [name, item] of Object.entries(treeIn(document, 'paths'))) {
    if (name.startsWith('x-')) continue;
    const path = name.replace(/#.*/s, '');
    for (const [method, operation] of Object.entries(resolve(document, item))) {
      if (!METHODS.includes(method)) continue;
      const key = `${method.toUpperCase()} ${path}`;
      const ways = waysInto(document, operation as Tree);
      const same = found.get(key);
      if (same) same.ways.push(...ways);
      else found.set(key, { key, method: method.toUpperCase(), path, ways });
    }
  }
  return [...found.values()];
}

const partsOf = (path: string): string[] => path.split('/').slice(1);

/** Literal segments before those with text and templates, and these before templates alone. */
const kindsOf = (path: string): number[] =>
  partsOf(path).map((part) => (TEMPLATE.test(part) ? (part.replace(TEMPLATE, '') === '' ? 2 : 1) : 0));

function compareKinds(one: number[], other: number[]): number {
  const at = one.findIndex((kind, index) => kind !== other[index]);
  return at === -1 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
}

/** What decoded segments, with a NUL before each, must look like. */
function patternOf(path: string): RegExp {
  const parts = partsOf(path).map((part) =>
    part
      .split(new RegExp(TEMPLATE, 'g'))
      .map((text) => decodeURIComponent(text).replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('[^\\u0000]+?'),
  );
  return new RegExp(`^${parts.map((part) => `\\u0000${part}`).join('')}$`, 'su');
}

/** @returns what a request to these operations means, by its method and its path as it is sent. */
export function meaningsOf(operations: readonly Described[]): (method: string, path: string) => Meaning {
  const patterns = operations.map((operation) => ({
    operation,
    kinds: kindsOf(operation.path),
    pattern: patternOf(operation.path),
  }));
  return (method, path) => {
    const text = partsOf(path)
      .map((part) => `\0${decodeURIComponent(part)}`)
      .join('');
    const there = patterns
      .filter(({ operation, pattern }) => operation.method !== 'TRACE' && pattern.test(text))
      .sort((one, other) => compareKinds(one.kinds, other.kinds));
    const served = method === 'HEAD' ? ['HEAD', 'GET'] : [method];
    const own = there.filter(({ operation }) => served.includes(operation.method));
    const first = own.filter(({ kinds }) => compareKinds(kinds, own[0]?.kinds ?? []) === 0);
    const best = first.find(({ operation }) => operation.method === method) ?? first[0];
    if (best) return { operation: best.operation };
    const methods = new Set(there.map(({ operation }) => operation.method));
    if (methods.has('GET')) methods.add('HEAD');
    return methods.size === 0 ? undefined : { allow: [...methods].sort() };
  };
}
