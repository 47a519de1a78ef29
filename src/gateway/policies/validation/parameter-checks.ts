import { comparable } from '../../plane/headers.js';
import { isJson, readMediaType } from '../openapi/media-types.js';
import { isPart, listOf, type DocumentReader, type Part } from '../openapi/reader.js';
import type { RequestError } from './errors.js';
import { readJsonText } from './json-text.js';
import { textStyleOf, valueIn, type Fields, type TextStyle } from './parameters.js';
import type { SchemaTranslator } from './schemas.js';
import type { Check, Misfit, Validators } from './validators.js';

/** A query or header parameter of a document, with the place of its schema. */
export interface Parameter {
  in: 'query' | 'header';
  name: string;
  required: boolean;
  mayBeEmpty: boolean;
  /** Undefined where the value is JSON in text. */
  style: TextStyle | undefined;
  place: number;
}

/** An operation with its path item, as the document has them. */
export interface Alternative {
  item: Part;
  operation: Part;
}

/** Header parameters that OpenAPI leaves out: other parts of the document speak of them. */
const NOT_PARAMETERS: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization']);

/**
 * The parameters of an operation and its path. Where the gateway takes several operations for one, those that all of them
 * have: a request may be meant for any of them.
 */
export function parametersOf(
  reader: DocumentReader,
  translator: SchemaTranslator,
  alternatives: readonly Alternative[],
): Parameter[] {
  const [first = new Map<string, Part>(), ...others] = alternatives.map((each) => byName(reader, each));
  return [...first].flatMap(([key, part]): Parameter[] => {
    const parts: Part[] = [part, ...others.flatMap((list): Part[] => [list.get(key) ?? []].flat())];
    return parts.length === 1 + others.length ? parameterOf(reader, translator, parts) : [];
  });
}

/** Those of the operation replace those of the path. */
function byName(reader: DocumentReader, { item, operation }: Alternative): Map<string, Part> {
  const found = new Map<string, Part>();
  for (const written of [...listOf(item['parameters']), ...listOf(operation['parameters'])]) {
    const part = reader.resolve(written);
    const name = String(part['name']);
    found.set(`${String(part['in'])} ${part['in'] === 'header' ? name.toLowerCase() : name}`, part);
  }
  return found;
}

function parameterOf(
  reader: DocumentReader,
  translator: SchemaTranslator,
  parts: readonly Part[],
): Parameter[] {
  const { name, in: place, ...first } = parts[0] ?? {};
  if (typeof name !== 'string' || (place !== 'query' && place !== 'header')) return [];
  if (place === 'header' && NOT_PARAMETERS.has(name.toLowerCase())) return [];
  const described = {
    in: place,
    name,
    required: parts.every(({ required }) => required === true),
    mayBeEmpty: first['allowEmptyValue'] === true,
  } as const;
  const [content] = parts.map((part) => Object.entries(isPart(part['content']) ? part['content'] : {})[0]);
  if (content) {
    const isText = !isJson(readMediaType(content[0])?.type ?? '');
    const { schema = true } = reader.resolve(content[1]);
    const style = isText ? textStyleOf(reader, true, {}) : undefined;
    return [{ ...described, style, place: translator.add(isText ? inside(true) : schema) }];
  }
  const schemas = parts.map(({ schema = true }) => schema);
  const written = place === 'header' ? { explode: false } : first;
  const schema = inside(schemas.length === 1 ? schemas[0] : { anyOf: schemas });
  return [{ ...described, style: textStyleOf(reader, schemas[0], written), place: translator.add(schema) }];
}

/** Texts become numbers and flags only where they stand in an object, which the validator can change. */
const inside = (schema: unknown): Part => ({ type: 'object', properties: { value: schema } });
const INSIDE = '/value';

/** A parameter's check. @throws TooMuchWork */
export interface ParameterCheck {
  in: 'query' | 'header';
  run(fields: Fields): RequestError[];
}

/** @throws DocumentPartError where its schema cannot be compiled */
export function parameterCheck(parameter: Parameter, validators: Validators): ParameterCheck {
  const { in: place, name, style } = parameter;
  const key = place === 'header' ? comparable(name) : name;
  const check: Check = style ? textCheck(validators.text(parameter.place)) : validators.json(parameter.place);
  const error = ({ pointer, message }: Misfit): RequestError => ({
    in: place,
    name,
    ...(pointer !== '' && { pointer }),
    message,
  });
  return {
    in: place,
    run(fields) {
      const found = style ? valueIn(fields, key, style) : jsonIn(fields, key);
      if (found === undefined)
        return parameter.required ? [error({ pointer: '', message: 'is missing' })] : [];
      if ('problem' in found) return [error({ pointer: '', message: found.problem })];
      if (found.value === '' && parameter.mayBeEmpty) return [];
      return check(found.value).map(error);
    },
  };
}

const textCheck =
  (check: Check): Check =>
  (value) =>
    check({ value }).map(({ pointer, message }) => ({ pointer: pointer.slice(INSIDE.length), message }));

function jsonIn(fields: Fields, name: string): { value: unknown } | { problem: string } | undefined {
  const values = fields.get(name);
  if (values === undefined) return undefined;
  return values.length > 1
    ? { problem: 'must not be given more than once' }
    : readJsonText(Buffer.from(values[0] ?? ''));
}

/** Headers as fields, by the names that they are compared by. */
export const headerFields = (headers: Readonly<Record<string, string>>): Fields =>
  new Map(Object.entries(headers).map(([name, value]) => [name, [value]]));
