import type { ErrorObject } from 'ajv';
import { addressProblem } from './web-addresses.js';

interface Params {
  allowedValues?: readonly unknown[];
  allowedValue?: unknown;
  format?: string;
  pattern?: string;
  tag?: string;
  type?: string | readonly string[];
}

/** What Ajv adds with `verbose`. */
interface Parent {
  enum?: readonly unknown[];
  examples?: readonly unknown[];
  oneOf?: readonly { properties?: Record<string, { const?: unknown } | undefined> }[];
}

/** The values that are allowed, where there are only so many. */
function allowedBy({ params, parentSchema }: ErrorObject): readonly unknown[] | undefined {
  const { allowedValues, allowedValue, tag } = params as Params;
  const { enum: values, oneOf } = (parentSchema ?? {}) as Parent;
  if (tag !== undefined) return oneOf?.map(({ properties }) => properties?.[tag]?.const);
  return allowedValues ?? (allowedValue === undefined ? values : [allowedValue]);
}

/** A pattern that is one class of plain characters, or two of which the first is for the first character. */
const CLASSES = /^\^(?:\[([\w.~:+-]+)\])?\[([\w.~:+-]+)\](?:([*+])|\{(\d+),(\d+)\})\$$/;

/** The characters of a class: `A-Za-z.` is "A-Z a-z .". */
const charactersOf = (characters: string): string => (characters.match(/\w-\w|./g) ?? []).join(' ');

/** Which characters a pattern allows, where that can be said in a few words. */
function patternWords(pattern: string): string {
  const [, first, rest, times, least, most] = CLASSES.exec(pattern) ?? [];
  if (rest !== undefined) {
    const characters = `the characters ${charactersOf(rest)}`;
    if (first !== undefined)
      return `must begin with one of ${charactersOf(first)}, and have only ${characters} after it`;
    if (times === undefined) return `must be ${least} to ${most} of ${characters}`;
    return times === '*' ? `may have only ${characters}` : `must be one or more of ${characters}`;
  }
  const [, beginning] = /^\^(\w+)\[/.exec(pattern) ?? [];
  return beginning === undefined
    ? 'has characters that it may not have, or only blanks'
    : `must begin with ${beginning}, with the characters after it that it may have`;
}

/** What is wrong with a value by a schema, in words that need no knowledge of schemas: no patterns, and what is allowed. */
export function schemaWords(error: ErrorObject): string {
  const { keyword, message = 'is not valid', params, parentSchema } = error;
  const { format, pattern = '', type } = params as Params;
  const allowed = allowedBy(error);
  if (allowed) return `must be one of ${allowed.join(', ')}`;
  const address = addressProblem(format);
  if (address !== undefined) return address;
  if (format === 'date-time') return 'must be a time such as 2026-01-31T12:00:00Z';
  if (Array.isArray(type)) return `must be ${type.join(' or ')}`;
  if (keyword !== 'pattern') return message;
  const [example] = ((parentSchema ?? {}) as Parent).examples ?? [];
  return example === undefined ? patternWords(pattern) : `must be of the form of ${JSON.stringify(example)}`;
}
