import type { OpenApi } from '../../types.js';
import { typeOf, type OperationOf } from './document.js';
import { code, inline, paragraphs, table } from '../../markdown.js';
import { isTree, listAt, resolvedTree, treeAt, treeOf, type Tree } from '../../tree.js';

/** One operation in Markdown. */

const yes = (value: unknown): string => (value === true ? 'yes' : 'no');
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Many operations can share one list of thousands. */
const MOST_ROWS = 500;

const boundedTable = (head: readonly string[], rows: readonly (readonly string[])[], all: number): string =>
  table(head, rows) + (all > rows.length ? `\n\nAnd ${all - rows.length} more.` : '');

/** A schema of a parameter is its own, or that of its one media type. */
const schemaOf = (tree: Tree): unknown => {
  const [media] = Object.values(treeAt(tree, 'content'));
  return tree['schema'] ?? treeOf(media)['schema'];
};

const parametersTable = (document: OpenApi, parameters: readonly Tree[]): string =>
  boundedTable(
    ['Parameter', 'In', 'Type', 'Required', 'Description'],
    parameters
      .slice(0, MOST_ROWS)
      .map((parameter) => [
        code(text(parameter['name'])),
        inline(parameter['in']),
        code(typeOf(document, schemaOf(parameter))),
        yes(parameter['required']),
        inline(parameter['description']),
      ]),
    parameters.length,
  );

/** The media types of a body with what each of them holds. */
const contentOf = (document: OpenApi, body: Tree): [media: string, type: string][] =>
  Object.entries(treeAt(body, 'content'))
    .slice(0, MOST_ROWS)
    .map(([media, of]) => [code(media), code(typeOf(document, treeOf(of)['schema']))]);

/** The fields of the first object that a body can be. */
function fieldsTable(document: OpenApi, body: Tree): string {
  const [media] = Object.values(treeAt(body, 'content'));
  const schema = resolvedTree(document, treeOf(media)['schema']);
  const properties = treeAt(schema, 'properties');
  const required = new Set(listAt(schema, 'required'));
  const fields = Object.entries(properties);
  return boundedTable(
    ['Field', 'Type', 'Required', 'Description'],
    fields
      .slice(0, MOST_ROWS)
      .map(([name, of]) => [
        code(name),
        code(typeOf(document, of)),
        yes(required.has(name)),
        inline(resolvedTree(document, of)['description']),
      ]),
    fields.length,
  );
}

function requestBody(document: OpenApi, value: unknown): string[] {
  if (!isTree(value)) return [];
  const body = resolvedTree(document, value);
  const rows = contentOf(document, body).map((row) => [...row, yes(body['required'])]);
  return [
    '### Request body',
    paragraphs(body['description']),
    table(['Media type', 'Type', 'Required'], rows),
    fieldsTable(document, body),
  ];
}

function responses(document: OpenApi, value: unknown): string[] {
  const all = Object.entries(treeOf(value)).slice(0, MOST_ROWS);
  const rows = all.flatMap(([status, of]) => {
    const response = resolvedTree(document, of);
    const content = contentOf(document, response);
    const description = inline(response['description']);
    return content.length === 0
      ? [[code(status), '', '', description]]
      : content.map(([media, type]) => [code(status), media, type, description]);
  });
  return rows.length === 0
    ? []
    : ['### Responses', table(['Status', 'Media type', 'Type', 'Description'], rows)];
}

/** A section about an operation, without a line break at its end. */
export function operationSection(
  document: OpenApi,
  { method, path, operation, parameters: parametersOf }: OperationOf,
): string {
  const parameters = parametersOf();
  const title = inline(operation['summary']) || inline(operation['operationId']) || code(`${method} ${path}`);
  return [
    `## ${title}`,
    code(`${method} ${path}`) + (operation['deprecated'] === true ? ' (deprecated)' : ''),
    paragraphs(operation['description']),
    ...(parameters.length > 0 ? ['### Parameters', parametersTable(document, parameters)] : []),
    ...requestBody(document, operation['requestBody']),
    ...responses(document, operation['responses']),
  ]
    .filter(Boolean)
    .join('\n\n');
}
