import { contentFor, isForm, isJson, readMediaType } from '../openapi/media-types.js';
import { isPart, listOf, type DocumentReader, type Part } from '../openapi/reader.js';
import type { RequestError } from './errors.js';
import { readJsonText, textOf } from './json-text.js';
import { readFields, textStyleOf, valueIn, type Fields, type TextStyle } from './parameters.js';
import type { SchemaTranslator } from './schemas.js';
import type { Check, Misfit, Validators } from './validators.js';

/** One entry of a `content` map. */
export interface BodyContent {
  range: string;
  /** The place of the schema; undefined where there is none. */
  place: number | undefined;
  /** Of forms: how each field is written. */
  fields: readonly (readonly [name: string, style: TextStyle])[];
}

/** Looks into the content of a body. @throws TooMuchWork */
export type BodyCheck = (content: Buffer) => RequestError[];

/** The content of request bodies by media type. Where several operations are one, the body of any of them fits. */
export function contentOf(
  reader: DocumentReader,
  translator: SchemaTranslator,
  bodies: readonly Part[],
): BodyContent[] {
  const byRange = new Map<string, Part[]>();
  for (const { content } of bodies)
    for (const [range, media] of Object.entries(isPart(content) ? content : {}))
      byRange.set(range, [...(byRange.get(range) ?? []), reader.resolve(media)]);
  return [...byRange].map(([range, media]) => {
    const schemas = media.flatMap(({ schema }) => (schema === undefined ? [] : [schema]));
    if (schemas.length < media.length) return { range, place: undefined, fields: [] };
    const place = translator.add(schemas.length === 1 ? schemas[0] : { anyOf: schemas });
    const fields = schemas.flatMap((schema) => formFields(reader, schema, media[0]?.['encoding']));
    return { range, place, fields };
  });
}

function formFields(reader: DocumentReader, schema: unknown, encoding: unknown): BodyContent['fields'] {
  const { properties, allOf } = reader.resolve(schema);
  const parts = [properties, ...listOf(allOf).map((each) => reader.resolve(each)['properties'])];
  return parts.filter(isPart).flatMap((named) =>
    Object.entries(named).map(([name, property]) => {
      const written = isPart(encoding) && isPart(encoding[name]) ? encoding[name] : {};
      return [name, textStyleOf(reader, property, written)] as const;
    }),
  );
}

/**
 * Finds the check of a body by its `Content-Type`; undefined where the document has no such type, or its text cannot be read.
 * Types other than JSON and forms are not looked into.
 */
export function bodyChecks(
  contents: readonly BodyContent[],
  validators: Validators,
): (contentType: string | undefined) => BodyCheck | undefined {
  const checks = contents.map((content) => [content.range, checkOf(content, validators)] as const);
  return (contentType) => {
    const media = readMediaType(contentType);
    if (!media) return undefined;
    const { type, charset = 'utf-8' } = media;
    const isText = isJson(type) || isForm(type);
    return isText && charset !== 'utf-8' ? undefined : contentFor(checks, type)?.(type);
  };
}

function checkOf(
  { range, place, fields }: BodyContent,
  validators: Validators,
): (type: string) => BodyCheck | undefined {
  const written = readMediaType(range)?.type ?? '';
  const mayBe = (is: (type: string) => boolean): boolean => is(written) || written.endsWith('/*');
  const json = place !== undefined && mayBe(isJson) ? validators.json(place) : undefined;
  const form = place !== undefined && mayBe(isForm) ? validators.text(place) : undefined;
  return (type) => (content) => {
    if (isJson(type)) return checkJson(json, content);
    return isForm(type) ? checkForm(form, content, fields) : [];
  };
}

const inBody = ({ pointer, message }: Misfit): RequestError => ({ in: 'body', pointer, message });

function checkJson(check: Check | undefined, content: Buffer): RequestError[] {
  const read = readJsonText(content);
  if ('problem' in read) return [{ in: 'body', message: read.problem }];
  return check ? check(read.value).map(inBody) : [];
}

function checkForm(check: Check | undefined, content: Buffer, styles: BodyContent['fields']): RequestError[] {
  const text = textOf(content);
  const fields = text === undefined ? undefined : readFields(text);
  if (!fields) return [{ in: 'body', message: 'must be percent-encoded UTF-8' }];
  if (!check) return [];
  const value = formValue(fields, styles);
  return 'problem' in value ? [value.problem] : check(value.value).map(inBody);
}

function formValue(
  fields: Fields,
  styles: BodyContent['fields'],
): { value: Record<string, unknown> } | { problem: RequestError } {
  const values = new Map<string, unknown>(
    [...fields].map(([name, texts]) => [name, texts.length === 1 ? texts[0] : [...texts]]),
  );
  for (const [name, style] of styles) {
    const found = valueIn(fields, name, style);
    if (found === undefined) continue;
    if ('problem' in found) return { problem: { in: 'body', pointer: `/${name}`, message: found.problem } };
    values.set(name, found.value);
  }
  return { value: Object.fromEntries(values) };
}
