import fc, { type Arbitrary } from 'fast-check';
import { CLAIM_NAME, isClaimName } from '../../src/kernel/claim-names.js';
import { ADDRESS_FORMATS } from '../../src/kernel/web-addresses.js';

/** The part of JSON Schema that the operations use. */
interface Schema {
  type?: string | string[];
  enum?: unknown[];
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  items?: Schema;
  maxItems?: number;
  uniqueItems?: boolean;
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  propertyNames?: { pattern?: string };
  maxProperties?: number;
}

const SHORT = 40;

/** Graphemes of any script. Such a generator is made in milliseconds, so there is one for each range of lengths. */
const wides = new Map<string, Arbitrary<string>>();
function wide(minLength: number, maxLength: number): Arbitrary<string> {
  const range = `${minLength} ${maxLength}`;
  const made = wides.get(range) ?? fc.string({ unit: 'grapheme', minLength, maxLength });
  wides.set(range, made);
  return made;
}
const PLAIN = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9_-]{0,20}[A-Za-z0-9])?$/);

function text({ pattern, format, minLength = 0, maxLength = SHORT }: Schema): Arbitrary<string> {
  if (format === 'date-time')
    return fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') })
      .map((date) => date.toISOString());
  const isAddress = ADDRESS_FORMATS[format as keyof typeof ADDRESS_FORMATS];
  if (isAddress)
    return fc
      .oneof(
        fc.webUrl({ withQueryParameters: true, withFragments: true }),
        wide(0, SHORT).map((path) => `https://bücher.example/${path}`),
      )
      .filter((value) => isAddress(value) && [...value].length <= maxLength);
  const most = Math.min(maxLength, SHORT);
  const fits = (value: string): boolean =>
    [...value].length >= minLength &&
    (pattern === undefined || new RegExp(pattern, 'u').test(value)) &&
    (format !== CLAIM_NAME || isClaimName(value));
  // Patterns that say what may not be are met by nearly everything; those that say how it is built are built.
  if (pattern !== undefined && !/\\p|\(\?[!=]/.test(pattern))
    return fc.stringMatching(new RegExp(pattern), { maxLength: most }).filter(fits);
  return fc
    .oneof(
      { weight: 4, arbitrary: PLAIN },
      { weight: 4, arbitrary: wide(minLength, most).filter(fits) },
      { weight: 1, arbitrary: fc.constant('x'.repeat(maxLength)) },
    )
    .filter((value) => fits(value) && [...value].length <= maxLength);
}

/** What a schema allows. Optional fields come and go. */
export function valid(schema: unknown): Arbitrary<unknown> {
  const shape = schema as Schema;
  if (shape.enum) return fc.constantFrom(...shape.enum);
  const types = [shape.type].flat().filter((type): type is string => type !== undefined);
  if (types.length > 1) return fc.oneof(...types.map((type) => valid({ ...shape, type })));
  switch (types[0]) {
    case 'string':
      return text(shape);
    case 'integer':
      return fc.integer({ min: shape.minimum ?? -1000, max: Math.min(shape.maximum ?? 1000, 1000) });
    case 'number':
      return fc.double({ min: shape.minimum ?? -1000, max: shape.maximum ?? 1000, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array': {
      const length = { maxLength: Math.min(shape.maxItems ?? 5, 5) };
      return shape.uniqueItems
        ? fc.uniqueArray(valid(shape.items), length)
        : fc.array(valid(shape.items), length);
    }
    case 'object':
      return object(shape);
    default:
      if (Object.keys(shape).every((key) => key === 'description')) return fc.jsonValue();
      throw new Error(`no generator for ${JSON.stringify(shape)}`);
  }
}

function object({
  properties,
  required = [],
  additionalProperties,
  propertyNames,
}: Schema): Arbitrary<unknown> {
  if (properties)
    return fc.record(
      Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, valid(inner)])),
      { requiredKeys: required },
    );
  if (additionalProperties === true) return fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 });
  const names = text({ pattern: propertyNames?.pattern ?? '^[a-z]+$', minLength: 1 });
  return fc.dictionary(names, valid(additionalProperties), { maxKeys: 4, noNullPrototype: true });
}

const NASTY: Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    -1,
    1e308,
    2 ** 53,
    '',
    'a\u0000b',
    '\ud800',
    '\u202eabc',
    'x'.repeat(10_000),
    '%00',
    "' OR 1=1 --",
    '__proto__',
    [],
    {},
    true,
  ),
  fc.anything({ maxDepth: 2 }),
);

/** What a schema was not made for: a field that is nasty, is missing, or is not known. */
export const mutated = (schema: unknown): Arbitrary<unknown> => {
  const names = Object.keys((schema as Schema).properties ?? {});
  return fc
    .tuple(valid(schema), fc.constantFrom(...names, '__proto__', 'unknown'), NASTY, fc.boolean())
    .map(([value, name, nasty, drop]) => {
      const fields = Object.entries(value as Record<string, unknown>).filter(([field]) => field !== name);
      const all: [string, unknown][] = drop ? fields : [...fields, [name, nasty]];
      // Made by hand, so that "__proto__" is a field like any other.
      return all.reduce<Record<string, unknown>>(
        (into, [field, inner]) =>
          Object.defineProperty(into, field, { value: inner, enumerable: true, configurable: true }),
        {},
      );
    });
};
