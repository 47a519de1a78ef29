import type { ErrorObject } from 'ajv';
import { addressProblem } from './web-addresses.js';

interface Params {
  allowedValues?: readonly unknown[];
  allowedValue?: unknown;
  format?: string;
  pattern?: string;
  tag?: string;
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

/** What is wrong with a value by a schema, in words that need no knowledge of schemas: no patterns, and what is allowed. */
export function schemaWords(error: ErrorObject): string {
  const { keyword, message = 'is not valid', params, parentSchema } = error;
  const { format, pattern = '' } = params as Params;
  const allowed = allowedBy(error);
  if (allowed) return `must be one of ${allowed.join(', ')}`;
  const address = addressProblem(format);
  if (address !== undefined) return address;
  if (keyword !== 'pattern') return message;
  const [example] = ((parentSchema ?? {}) as Parent).examples ?? [];
  if (example !== undefined) return `must be of the form of ${JSON.stringify(example)}`;
  const [, beginning] = /^\^(\w+)\[/.exec(pattern) ?? [];
  return beginning === undefined
    ? 'has characters that it may not have, or only blanks'
    : `must begin with ${beginning}, with the characters after it that it may have`;
}
