import type { OpenApi } from '../../types.js';
import { code, inline, table } from '../../markdown.js';
import { isTree, listOf, resolvedTree, treeAt, treeOf, type Tree } from '../../tree.js';
import { boundedTable, MOST_ROWS, type Rows } from './fields.js';

/** How callers authenticate. */

const MOST_ALTERNATIVES = 20;
const MOST_SCOPES = 50;

const FLOWS: Readonly<Record<string, string>> = {
  authorizationCode: 'authorization code',
  clientCredentials: 'client credentials',
  implicit: 'implicit',
  password: 'password',
};

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const at = (word: string, url: unknown): string[] => (text(url) === '' ? [] : [`${word} ${code(text(url))}`]);

const schemesOf = (document: OpenApi): [name: string, scheme: Tree][] =>
  Object.entries(treeAt(treeAt(document, 'components'), 'securitySchemes'))
    .slice(0, MOST_ROWS)
    .map(([name, scheme]) => [name, resolvedTree(document, scheme)]);

const flowsOf = (scheme: Tree): [name: string, flow: Tree][] =>
  Object.entries(treeAt(scheme, 'flows'))
    .filter(([name]) => Object.hasOwn(FLOWS, name))
    .map(([name, flow]) => [FLOWS[name] ?? name, treeOf(flow)]);

/** What a caller sends, and where it is from. */
function howOf(scheme: Tree): string {
  switch (scheme['type']) {
    case 'apiKey':
      return `the key ${code(text(scheme['name']))} in: ${inline(scheme['in'])}`;
    case 'http': {
      const format = text(scheme['bearerFormat']);
      return `${code('Authorization')}: ${code(text(scheme['scheme']))}${format && ` (${inline(format)})`}`;
    }
    case 'openIdConnect':
      return ['a bearer token', ...at('of the provider at', scheme['openIdConnectUrl'])].join(' ');
    case 'oauth2':
      return [
        'a bearer token',
        ...flowsOf(scheme).map(([name, flow]) => {
          const places = [
            ...at('authorize at', flow['authorizationUrl']),
            ...at('token at', flow['tokenUrl']),
          ];
          return [name, places.join(', ')].filter(Boolean).join(': ');
        }),
      ].join('; ');
    default:
      return '';
  }
}

/** A row for each scope of each scheme. Many schemes can refer to one with many scopes. */
function scopesOf(schemes: readonly [name: string, scheme: Tree][]): Rows {
  const known = new Map<Tree, ReadonlyMap<string, unknown>>();
  const rows: Rows = { list: [], all: 0 };
  for (const [name, scheme] of schemes) {
    const scopes =
      known.get(scheme) ??
      new Map(flowsOf(scheme).flatMap(([, flow]) => Object.entries(treeAt(flow, 'scopes'))));
    known.set(scheme, scopes);
    rows.all += scopes.size;
    for (const [scope, about] of scopes) {
      if (rows.list.length === MOST_ROWS) break;
      rows.list.push([code(name), code(scope), inline(about)]);
    }
  }
  return rows;
}

/** The schemes of a document with their scopes, for its index; nothing where it has none. */
export function authentication(document: OpenApi): string[] {
  const schemes = schemesOf(document);
  if (schemes.length === 0) return [];
  const rows = schemes.map(([name, scheme]) => [
    code(name),
    inline(scheme['type']),
    howOf(scheme),
    inline(scheme['description']),
  ]);
  const scopes = scopesOf(schemes);
  return [
    '## Authentication',
    table(['Scheme', 'Type', 'What to send', 'Description'], rows),
    boundedTable(['Scheme', 'Scope', 'Description'], scopes.list, scopes.all),
  ];
}

const requirementText = (requirement: unknown): string =>
  Object.entries(treeOf(requirement))
    .slice(0, MOST_ALTERNATIVES)
    .map(([name, scopes]) => {
      const names = listOf(scopes)
        .slice(0, MOST_SCOPES)
        .map((scope) => code(text(scope)));
      return [code(name), ...(names.length > 0 ? [`with ${names.join(', ')}`] : [])].join(' ');
    })
    .join(' and ') || 'none';

/** By the list: operations can share the one of their document. */
const said = new WeakMap<object, string>();

/** What an operation asks for; empty where neither it nor the document says something. */
export function securityLine(document: OpenApi, operation: Tree): string {
  const security = Object.hasOwn(operation, 'security') ? operation['security'] : document['security'];
  if (!Array.isArray(security)) return '';
  const known = said.get(security);
  if (known !== undefined) return known;
  const alternatives = security.slice(0, MOST_ALTERNATIVES).filter(isTree).map(requirementText);
  const line = `Authentication: ${[...new Set(alternatives)].join(', or ') || 'none'}`;
  said.set(security, line);
  return line;
}
