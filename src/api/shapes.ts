import { CLAIM_NAME } from '../kernel/claim-names.js';
import { WEB_ADDRESS } from '../kernel/web-addresses.js';

/** Pieces of the operations' schemas. */

/** Text on one line: no control characters, no half characters, nothing that turns the direction of what stands around it. */
const LINE = '^[^\\p{Cc}\\p{Cs}\\u202A-\\u202E\\u2066-\\u2069]*$';
/** The same, with something in it to read. */
const LABEL = LINE.replace('^', '^(?=.*\\S)');
/** Text of several lines. */
const TEXT = '^[^\\p{Cs}\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\u007F\\u202A-\\u202E\\u2066-\\u2069]*$';

export const line = <const M extends number>(maxLength: M) =>
  ({ type: 'string', maxLength, pattern: LINE }) as const;

/** What a thing is called: a line that is more than blanks. */
export const label = <const M extends number>(maxLength: M) =>
  ({ type: 'string', minLength: 1, maxLength, pattern: LABEL }) as const;

export const text = <const M extends number>(maxLength: M) =>
  ({ type: 'string', maxLength, pattern: TEXT }) as const;

/** The same, or `null` for none. */
export const orNull = <const S extends { type: string; enum?: readonly unknown[] }>(schema: S) =>
  ({
    ...schema,
    type: [schema.type, 'null'],
    ...(schema.enum && { enum: [...schema.enum, null] }),
  }) as unknown as OrNull<S>;

type OrNull<S extends { type: string; enum?: readonly unknown[] }> = Omit<S, 'type' | 'enum'> & {
  type: [S['type'], 'null'];
} & (S extends { enum: infer E extends readonly unknown[] } ? { enum: readonly [...E, null] } : unknown);

/** A name that programs use: letters, digits, and `. _ -` between them. */
export const name = {
  type: 'string',
  minLength: 1,
  maxLength: 100,
  pattern: '^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$',
} as const;

/** Several short texts, each once. */
export const words = <const N extends number, const M extends number>(maxItems: N, maxLength: M) =>
  ({ type: 'array', maxItems, uniqueItems: true, items: { ...line(maxLength), minLength: 1 } }) as const;

export const flag = <const D extends string>(description: D) => ({ type: 'boolean', description }) as const;

export const seconds = { type: 'integer', minimum: 1, maximum: 315_360_000 } as const;

export const id = { ...line(64), minLength: 1, description: 'The id that the API answered.' } as const;

export const time = { type: 'string', format: 'date-time' } as const;

/** Epoch milliseconds of a row, as answers say a time. */
export const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();

export const params = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id },
} as const;

/** The query of a deletion, or of a change, that what depends on the thing stands against. */
export const cascade = <const D extends string>(description: D) =>
  ({
    type: 'object',
    additionalProperties: false,
    properties: { cascade: { type: 'boolean', default: false, description } },
  }) as const;

/** A thing with its times as answers say them. */
export const withTimes = <T extends { createdAt: number; updatedAt: number }>({
  createdAt,
  updatedAt,
  ...thing
}: T) => ({ ...thing, createdAt: iso(createdAt), updatedAt: iso(updatedAt) });

/** What a deletion answers. */
export const DELETED = {
  title: 'Deleted',
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id },
} as const;

/** An address that somebody may be sent to, or that a picture or a key is loaded from. */
export const webAddress = { type: 'string', maxLength: 2000, format: WEB_ADDRESS } as const;

/** Its letters are checked where the row is known, which may have names that are older than the rule (kernel/claim-names.ts). */
const claimName = <const M extends number>(maxLength: M) =>
  ({
    ...line(maxLength),
    minLength: 1,
    format: CLAIM_NAME,
    description:
      'Letters of any script, digits and the characters of URIs, no blanks and quotes. A name that is there already may stay.',
  }) as const;

/** Names of claims that an API or a scope asks for. */
export const claimNames = { type: 'array', maxItems: 200, uniqueItems: true, items: claimName(100) } as const;

export const claims = {
  type: 'array',
  maxItems: 1000,
  items: {
    title: 'Claim',
    type: 'object',
    additionalProperties: false,
    required: ['type', 'value'],
    properties: { type: claimName(200), value: line(2000) },
  },
} as const;

/** What an administrator keeps with a thing, by names of their own. */
export const properties = {
  type: 'object',
  maxProperties: 100,
  propertyNames: { pattern: '^(?!(?:__proto__|constructor|prototype)$)[A-Za-z0-9][A-Za-z0-9:._-]{0,99}$' },
  additionalProperties: text(4000),
} as const;

/** An area's table of codes. */
export const CODES = {
  type: 'array',
  items: {
    title: 'Code',
    type: 'object',
    additionalProperties: false,
    required: ['code', 'name', 'description'],
    properties: { code: { type: 'integer' }, name: { type: 'string' }, description: { type: 'string' } },
  },
} as const;
