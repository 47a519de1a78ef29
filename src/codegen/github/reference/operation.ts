import type { OpenApi } from '../../types.js';
import { isThing, listOf, resolve, typeOf, type OperationOf, type Thing } from './document.js';
import { code, inline, paragraphs, table } from './markdown.js';

/** One operation in Markdown. */

const yes = (value: unknown): string => (value === true ? 'yes' : 'no');
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A schema of a parameter is its own, or that of its one media type. */
const schemaOf = (thing: Thing): unknown => {
  const [media] = isThing(thing['content']) ? Object.values(thing['content']) : [];
  return thing['schema'] ?? (isThing(media) ? media['schema'] : undefined);
};

const parametersTable = (document: OpenApi, parameters: readonly Thing[]): string =>
  table(
    ['Parameter', 'In', 'Type', 'Required', 'Description'],
    parameters.map((parameter) => [
      code(text(parameter['name'])),
      inline(parameter['in']),
      code(typeOf(document, schemaOf(parameter))),
      yes(parameter['required']),
      inline(parameter['description']),
    ]),
  );

/** The media types of a body with what each of them holds. */
const contentOf = (document: OpenApi, body: Thing): [media: string, type: string][] =>
  Object.entries(isThing(body['content']) ? body['content'] : {}).map(([media, of]) => [
    code(media),
    code(typeOf(document, isThing(of) ? of['schema'] : undefined)),
  ]);

/** The fields of the first object that a body can be. */
function fieldsTable(document: OpenApi, body: Thing): string {
  const [media] = isThing(body['content']) ? Object.values(body['content']) : [];
  const schema = resolve(document, isThing(media) ? media['schema'] : undefined);
  const properties = isThing(schema['properties']) ? schema['properties'] : {};
  const required = new Set(listOf(schema['required']));
  return table(
    ['Field', 'Type', 'Required', 'Description'],
    Object.entries(properties).map(([name, of]) => [
      code(name),
      code(typeOf(document, of)),
      yes(required.has(name)),
      inline(resolve(document, of)['description']),
    ]),
  );
}

function requestBody(document: OpenApi, value: unknown): string[] {
  if (!isThing(value)) return [];
  const body = resolve(document, value);
  const rows = contentOf(document, body).map((row) => [...row, yes(body['required'])]);
  return [
    '### Request body',
    paragraphs(body['description']),
    table(['Media type', 'Type', 'Required'], rows),
    fieldsTable(document, body),
  ];
}

function responses(document: OpenApi, value: unknown): string[] {
  const rows = Object.entries(isThing(value) ? value : {}).flatMap(([status, of]) => {
    const response = resolve(document, of);
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
  { method, path, operation, parameters }: OperationOf,
): string {
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
