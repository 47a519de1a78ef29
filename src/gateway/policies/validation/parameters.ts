import { isPart, listOf, type DocumentReader, type Part } from '../openapi/reader.js';

/** What a value is made of, which decides how its text is taken apart. */
export type Shape = 'single' | 'list' | 'object';

/** How a parameter, or a field of a form, is written in text (OpenAPI 3.1, 4.8.12.2). */
export interface TextStyle {
  shape: Shape;
  style: 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject';
  explode: boolean;
  /** Of an object: its properties, which stand for themselves in an exploded form. */
  properties: readonly string[];
}

/** The texts of a query or form by name, in their order. */
export type Fields = ReadonlyMap<string, readonly string[]>;

const MOST_LEVELS = 20;
const STYLES = ['spaceDelimited', 'pipeDelimited', 'deepObject'] as const;
const DELIMITERS = { form: ',', spaceDelimited: ' ', pipeDelimited: '|', deepObject: ',' } as const;

/** @param written the parameter, or the entry of `encoding`, that says style and explode */
export function textStyleOf(reader: DocumentReader, schema: unknown, written: Part): TextStyle {
  const style = STYLES.find((name) => name === written['style']) ?? 'form';
  const { explode = style === 'form' } = written;
  const { shape, properties } = shapeOf(reader, schema);
  return { shape, style, explode: explode === true, properties };
}

/** Looks through references and alternatives for a type that is a list or an object. */
function shapeOf(
  reader: DocumentReader,
  schema: unknown,
  level = 0,
): { shape: Shape; properties: readonly string[] } {
  const part = reader.resolve(schema);
  const types = [part['type']].flat();
  const properties = isPart(part['properties']) ? Object.keys(part['properties']) : [];
  if (types.includes('array') || part['items'] !== undefined) return { shape: 'list', properties };
  if (types.includes('object') || properties.length > 0) return { shape: 'object', properties };
  if (level >= MOST_LEVELS) return { shape: 'single', properties };
  const found = ['allOf', 'anyOf', 'oneOf']
    .flatMap((name) => listOf(part[name]))
    .slice(0, MOST_LEVELS)
    .map((each) => shapeOf(reader, each, level + 1))
    .filter(({ shape }) => shape !== 'single');
  const [first] = found;
  return first
    ? { shape: first.shape, properties: found.flatMap((each) => each.properties) }
    : { shape: 'single', properties };
}

/** What is wrong with the text itself, before a schema looks at it. */
export interface TextProblem {
  problem: string;
}

/**
 * Reads `a=1&b=2` as backends do (application/x-www-form-urlencoded). Undefined where a percent sign encodes nothing, or bytes
 * are no UTF-8: readers disagree on what that is.
 */
export function readFields(text: string): Fields | undefined {
  const fields = new Map<string, string[]>();
  for (const part of text.split('&')) {
    if (part === '') continue;
    const at = part.indexOf('=');
    const name = decoded(at === -1 ? part : part.slice(0, at));
    const value = decoded(at === -1 ? '' : part.slice(at + 1));
    if (name === undefined || value === undefined) return undefined;
    const values = fields.get(name);
    if (values) values.push(value);
    else fields.set(name, [value]);
  }
  return fields;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** The value of a parameter, with texts in it; undefined where it is not there. */
export function valueIn(
  fields: Fields,
  name: string,
  how: TextStyle,
): { value: unknown } | TextProblem | undefined {
  if (how.shape === 'object') return objectIn(fields, name, how);
  const values = fields.get(name);
  const [first] = values ?? [];
  if (values === undefined || first === undefined) return undefined;
  if (how.shape === 'list' && how.explode) return { value: [...values] };
  if (values.length > 1) return { problem: 'must not be given more than once' };
  return { value: how.shape === 'list' ? parts(first, how) : first };
}

const parts = (text: string, { style }: TextStyle): string[] =>
  text === '' ? [] : text.split(DELIMITERS[style]);

function objectIn(
  fields: Fields,
  name: string,
  how: TextStyle,
): { value: Record<string, unknown> } | TextProblem | undefined {
  const entries = how.style === 'deepObject' ? deepEntries(fields, name) : flatEntries(fields, name, how);
  if (!Array.isArray(entries) || entries.length === 0) return Array.isArray(entries) ? undefined : entries;
  return { value: Object.fromEntries(entries) };
}

type Entry = [name: string, value: unknown];

/** `filter[size]=1` */
const deepEntries = (fields: Fields, name: string): Entry[] =>
  [...fields].flatMap(([field, values]): Entry[] =>
    field.startsWith(`${name}[`) && field.endsWith(']')
      ? [[field.slice(name.length + 1, -1), values.length === 1 ? values[0] : [...values]]]
      : [],
  );

/** `size=1&color=red`, or `filter=size,1,color,red` */
function flatEntries(fields: Fields, name: string, how: TextStyle): Entry[] | TextProblem {
  if (how.explode)
    return how.properties.flatMap((property): Entry[] => {
      const values = fields.get(property);
      return values === undefined ? [] : [[property, values.length === 1 ? values[0] : [...values]]];
    });
  const values = fields.get(name);
  if (values === undefined) return [];
  if (values.length > 1) return { problem: 'must not be given more than once' };
  const texts = parts(values[0] ?? '', how);
  if (texts.length % 2 !== 0) return { problem: 'must have names and values in turn' };
  return texts.flatMap((text, at): Entry[] => (at % 2 === 0 ? [[text, texts[at + 1]]] : []));
}
