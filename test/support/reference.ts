import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BASIC, BY_SECRET, spellings, type AnyOperation } from '../../src/api/index.js';
import { packageRoot } from '../../src/kernel/root.js';
import { OPERATIONS } from '../../src/management.js';

/** Where the reference of the management API lies, written by `npm run docs:api`. */
export const REFERENCE = join(packageRoot, 'docs', 'api.md');

interface Shape {
  title?: string;
  type?: string | string[];
  enum?: unknown[];
  format?: string;
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  items?: Shape;
  required?: string[];
  properties?: Record<string, Shape>;
  additionalProperties?: boolean | Shape;
}

const row = (cells: string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

/** A type in words; one that has a name is defined below that name on the page. */
const typeOf = (shape: Shape): string => shape.title ?? bareTypeOf(shape);

function bareTypeOf({ type, enum: values, format, items, additionalProperties: rest }: Shape): string {
  if (values) return values.map((value) => `\`${String(value)}\``).join(', ');
  if (items) return `list of ${typeOf(items)}`;
  if (typeof rest === 'object') return `object with a ${typeOf(rest)} for each name`;
  return [[type].flat().join(' or '), format].filter(Boolean).join(', ');
}

const boundsOf = ({ minimum, maximum, maxLength, default: preset }: Shape): string =>
  [
    minimum !== undefined && `from ${minimum}`,
    maximum !== undefined && `to ${maximum}`,
    maxLength !== undefined && `${maxLength} characters at most`,
    preset !== undefined && `${JSON.stringify(preset)} unless given`,
  ]
    .filter(Boolean)
    .join(', ');

function fieldsOf(heading: string, schema: unknown): string[] {
  const { properties = {}, required = [], description } = (schema ?? {}) as Shape;
  if (Object.keys(properties).length === 0) return [];
  return [
    `**${heading}**${description === undefined ? '' : `: ${description}`}`,
    '',
    '| | | |',
    '|---|---|---|',
    ...Object.entries(properties).map(([name, shape]) =>
      row([
        `\`${name}\`${required.includes(name) && heading !== 'Query' ? ' (required)' : ''}`,
        typeOf(shape),
        [shape.description, boundsOf(shape)].filter(Boolean).join(' '),
      ]),
    ),
    '',
  ];
}

const EVENTS =
  'With `Accept: text/event-stream` it answers server-sent events, each with the same object as JSON in `data`: the newest state, then ' +
  'each change, and at last `event: end`. `Last-Event-ID` is taken.';
const STARTS =
  'The call waits until the work has ended, 120 s at most. Then, or at once with `Prefer: respond-async`, it answers 202 with ' +
  '`Location`.';

function section(operation: AnyOperation): string[] {
  const {
    method,
    path,
    summary,
    access,
    schemas,
    list,
    events,
    starts,
    download,
    conflicts = {},
  } = operation;
  const answer = schemas.answer as Shape;
  return [
    `### ${method} ${path}`,
    '',
    `${summary}.`,
    '',
    access.kind === 'open'
      ? 'Open to everybody.'
      : `Scope (and permission of the user): any of ${spellings(access.area, access.verb)
          .map((word) => `\`${word}\``)
          .join(', ')}.${access.kind === 'import' ? ` ${BY_SECRET}` : ''}`,
    '',
    ...fieldsOf('Path', schemas.params),
    ...fieldsOf('Query', schemas.query),
    ...fieldsOf('Body', schemas.body),
    `Answers ${list ? `a list of ${typeOf(answer)}` : typeOf(answer).replace(/^list/, 'a list')}.`,
    '',
    ...(events ? [EVENTS, ''] : []),
    ...(starts ? [STARTS, ''] : []),
    ...(download
      ? [`With \`Accept: ${download.type}\` it answers the same as a file, \`${download.fileName}\`.`, '']
      : []),
    ...[...new Set(Object.values(conflicts))].map(
      ({ code, name: of, description }) => `- 409, \`${code}\` ${of}: ${description.en}`,
    ),
    ...(Object.keys(conflicts).length > 0 ? [''] : []),
  ];
}

/** Every shape with a name, wherever it stands in a schema. */
function namedIn(schema: unknown, found = new Map<string, Shape>()): Map<string, Shape> {
  if (schema === null || typeof schema !== 'object') return found;
  const { title } = schema as Shape;
  if (typeof title === 'string' && !found.has(title)) found.set(title, schema);
  for (const inner of Object.values(schema)) namedIn(inner, found);
  return found;
}

/** A shape on the page: its fields, or, where it has none of its own, what it is. */
function defined([title, shape]: [string, Shape]): string[] {
  const fields = fieldsOf('Fields', shape);
  const words = [`${bareTypeOf(shape)}.`, shape.description].filter(Boolean).join(' ');
  return [`### ${title}`, '', ...(fields.length > 0 ? fields : [capital(words), ''])];
}

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

/** What the sections name. A body's own fields stand in its section. */
const shapesOf = (): string[] =>
  [...namedIn(OPERATIONS.map(({ schemas: { body = {}, answer } }) => [Object.values(body), answer]))]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(defined);

/** The reference as Markdown, from the operations' declarations. */
export function reference(): string {
  const areas = [...new Set(OPERATIONS.map(({ path }) => path.split('/')[2] ?? ''))].sort();
  return [
    '# Management API',
    '',
    'Written by `npm run docs:api` from the declarations; the server has the same as `/openapi.json`.',
    '',
    'Every answer is `{ "code", "codeName", "message", "data" }`, lists with `total`, `skip`, `take` and, where there is more,',
    '`next`. `code` is 200 when it was done; the HTTP status says the same. Paths may be written in any case.',
    '',
    '| code | name | |',
    '|---|---|---|',
    ...Object.values(BASIC).map(({ code, name, description }) => row([String(code), name, description.en])),
    '',
    ...areas.flatMap((area) => [
      `## ${area}`,
      '',
      ...OPERATIONS.filter(({ path }) => path.split('/')[2] === area).flatMap(section),
    ]),
    '## Shapes',
    '',
    ...shapesOf(),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(REFERENCE, reference());
