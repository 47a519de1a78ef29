import type { JSONSchema } from 'json-schema-to-ts';

interface Sampled {
  type?: string | readonly string[];
  enum?: readonly unknown[];
  format?: string;
  minimum?: number;
  items?: Sampled;
  properties?: Record<string, Sampled>;
}

/** What something of this shape looks like: plain values, and nothing where there may be nothing. */
function valueOf(
  { type, enum: choices, format, minimum = 0, items, properties = {} }: Sampled,
  name = '',
): unknown {
  if (Array.isArray(type) && type.includes('null')) return null;
  if (choices) return choices[0];
  if (type === 'array') return items?.enum ? [items.enum[0]] : [];
  if (type === 'object')
    return Object.fromEntries(Object.entries(properties).map(([key, inner]) => [key, valueOf(inner, key)]));
  if (type === 'boolean') return true;
  if (type === 'integer' || type === 'number') return minimum;
  if (format === 'date-time') return '2026-01-31T12:00:00.000Z';
  return name === 'id' ? '019012a4-5b6c-7d8e-9f00-112233445566' : name || 'text';
}

/**
 * An answer as the documentation shows it: what the example of a body says stands in it as well. A viewer left to itself makes
 * up text from patterns that nobody can read.
 */
export function sampleOf(answer: JSONSchema, example: Readonly<Record<string, unknown>> = {}): unknown {
  const shape = answer as Sampled;
  const sample = valueOf(shape);
  if (shape.type !== 'object') return sample;
  const plain = Object.entries(example).filter(
    ([key, value]) => shape.properties?.[key] !== undefined && (value === null || typeof value !== 'object'),
  );
  return { ...(sample as object), ...Object.fromEntries(plain) };
}
