import type { OpenApi } from '../../types.js';
import { typeOf, type OperationOf } from './document.js';
import { code, codeBlock, inline, paragraphs, table } from '../../markdown.js';
import { isTree, resolvedTree, treeAt, treeOf, type Tree } from '../../tree.js';
import { boundedTable, fieldsTable, MOST_ROWS, yes } from './fields.js';
import { SCHEMAS_FILE } from './schemas.js';
import { securityLine } from './security.js';
import { exampleText, valuesOf } from './values.js';

/** One operation in Markdown. */

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Responses whose fields are shown; all are in the table of responses. */
const MOST_RESPONSES = 10;

/** A schema of a parameter is its own, or that of its one media type. */
const schemaOf = (tree: Tree): unknown => {
  const [media] = Object.values(treeAt(tree, 'content'));
  return tree['schema'] ?? treeOf(media)['schema'];
};

const parametersTable = (document: OpenApi, parameters: readonly Tree[]): string =>
  boundedTable(
    ['Parameter', 'In', 'Type', 'Required', 'Values', 'Description'],
    parameters
      .slice(0, MOST_ROWS)
      .map((parameter) => [
        code(text(parameter['name'])),
        inline(parameter['in']),
        code(typeOf(document, schemaOf(parameter))),
        yes(parameter['required']),
        valuesOf(document, parameter, schemaOf(parameter)),
        inline(parameter['description']),
      ]),
    parameters.length,
  );

/** The media types of a body with what each of them holds. */
const contentOf = (document: OpenApi, body: Tree): [media: string, type: string][] =>
  Object.entries(treeAt(body, 'content'))
    .slice(0, MOST_ROWS)
    .map(([media, of]) => [code(media), code(typeOf(document, treeOf(of)['schema']))]);

const firstMedia = (body: Tree): Tree => treeOf(Object.values(treeAt(body, 'content'))[0]);

/** How much of an operation is shown. */
export interface Extent {
  /** Whether fields of named schemas are left to the file of schemas, and examples are left out. */
  isShort: boolean;
}

/** The fields of the first object that a body can be, and its example. */
function detailsOf(document: OpenApi, body: Tree, { isShort }: Extent): string[] {
  const media = firstMedia(body);
  const isNamed = typeof treeAt(media, 'schema')['$ref'] === 'string';
  if (isShort) return isNamed ? [`Its fields are in [Schemas](./${SCHEMAS_FILE}).`] : [];
  const example = exampleText(document, media);
  return [
    fieldsTable(document, media['schema']),
    ...(example === '' ? [] : ['Example:', codeBlock(example)]),
  ].filter(Boolean);
}

function requestBody(document: OpenApi, value: unknown, extent: Extent): string[] {
  if (!isTree(value)) return [];
  const body = resolvedTree(document, value);
  const rows = contentOf(document, body).map((row) => [...row, yes(body['required'])]);
  return [
    '### Request body',
    paragraphs(body['description']),
    table(['Media type', 'Type', 'Required'], rows),
    ...detailsOf(document, body, extent),
  ];
}

function responses(document: OpenApi, value: unknown, extent: Extent): string[] {
  const all = Object.entries(treeOf(value))
    .slice(0, MOST_ROWS)
    .map(([status, of]): [status: string, response: Tree] => [status, resolvedTree(document, of)]);
  const rows: string[][] = [];
  for (const [status, response] of all) {
    // Many can refer to one with many media types.
    if (rows.length >= MOST_ROWS) break;
    const content = contentOf(document, response);
    const description = inline(response['description']);
    for (const [media, type] of content.length > 0 ? content : [['', ''] as const])
      rows.push([code(status), media, type, description]);
  }
  if (rows.length === 0) return [];
  return [
    '### Responses',
    table(['Status', 'Media type', 'Type', 'Description'], rows),
    ...responseDetails(document, all, extent),
  ];
}

/** What is in the bodies of responses. Statuses with the same body share one part. */
function responseDetails(
  document: OpenApi,
  all: readonly (readonly [status: string, response: Tree])[],
  extent: Extent,
): string[] {
  const statuses = new Map<string, string[]>();
  for (const [status, response] of all.slice(0, MOST_RESPONSES)) {
    const details = detailsOf(document, response, extent).join('\n\n');
    if (details === '') continue;
    const known = statuses.get(details);
    if (known) known.push(code(status));
    else statuses.set(details, [code(status)]);
  }
  return [...statuses].flatMap(([details, codes]) => [`#### Body of ${codes.join(', ')}`, details]);
}

/** A section about an operation, without a line break at its end. */
export function operationSection(
  document: OpenApi,
  { method, path, operation, parameters: parametersOf }: OperationOf,
  extent: Extent,
): string {
  const parameters = parametersOf();
  const title = inline(operation['summary']) || inline(operation['operationId']) || code(`${method} ${path}`);
  return [
    `## ${title}`,
    code(`${method} ${path}`) + (operation['deprecated'] === true ? ' (deprecated)' : ''),
    paragraphs(operation['description']),
    securityLine(document, operation),
    ...(parameters.length > 0 ? ['### Parameters', parametersTable(document, parameters)] : []),
    ...requestBody(document, operation['requestBody'], extent),
    ...responses(document, operation['responses'], extent),
  ]
    .filter(Boolean)
    .join('\n\n');
}
