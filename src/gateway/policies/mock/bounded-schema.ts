import { isPart, listOf, type DocumentReader, type Part } from '../openapi/reader.js';

/** The largest example: so many values, and texts of 32 characters for each of them. */
const MOST_VALUES = 20_000;
const CHARACTERS_AS_ONE = 32;
const DEEPEST = 12;
const MOST_ITEMS = 3;
const LONGEST_TEXT = 1000;

/** Keywords by which a value is made up. */
const KEPT = [
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'maxLength',
  'required',
].concat(['readOnly', 'writeOnly', 'xml', 'maxProperties']);

/**
 * A copy of a schema without references, from which an example can be made in bounded time: circles are cut, long lists and
 * texts are shortened, and of alternatives the first one is left.
 */
export function boundedSchema(reader: DocumentReader, schema: unknown): Part {
  return new Expansion(reader).expand(schema, 0, 1);
}

class Expansion {
  #left = MOST_VALUES;
  readonly #open = new Set<Part>();

  constructor(readonly reader: DocumentReader) {}

  /** @param times how often the example has the value */
  expand(schema: unknown, level: number, times: number): Part {
    if (!isPart(schema)) return {};
    const part = this.reader.resolve(schema);
    this.#left -= times;
    if (this.#left < 0 || level > DEEPEST || this.#open.has(part)) return cut(part);
    this.#open.add(part);
    const result = this.#value(part, times) ?? this.#structure(part, level, times);
    this.#open.delete(part);
    return result;
  }

  /** A value that the document itself gives. */
  #value(part: Part, times: number): Part | undefined {
    const given = [
      part['example'],
      part['const'],
      listOf(part['examples'])[0],
      listOf(part['enum'])[0],
      part['default'],
    ];
    const value = given.find((each) => each !== undefined);
    if (value === undefined) return undefined;
    this.#left -= times * Math.ceil((JSON.stringify(value) ?? '').length / CHARACTERS_AS_ONE);
    const { readOnly, writeOnly, xml } = part;
    return this.#left < 0 ? cut(part) : { example: value, readOnly, writeOnly, xml, type: typeOf(part) };
  }

  #structure(part: Part, level: number, times: number): Part {
    const result: Part = { type: typeOf(part), ...this.#kept(part, times) };
    const inner = (schema: unknown, more = 1): Part => this.expand(schema, level + 1, times * more);
    if (isPart(part['properties']))
      result['properties'] = Object.fromEntries(
        Object.entries(part['properties']).map(([name, each]) => [name, inner(each)]),
      );
    if (isPart(part['additionalProperties']))
      result['additionalProperties'] = inner(part['additionalProperties'], 2);
    if (part['items'] !== undefined) {
      const count = Math.min(Math.max(1, Number(part['minItems'] ?? 1) || 1), MOST_ITEMS);
      result['minItems'] = count;
      result['items'] = inner(part['items'], count);
    }
    if (Array.isArray(part['prefixItems']))
      result['prefixItems'] = listOf(part['prefixItems']).map((each) => inner(each));
    for (const name of ['oneOf', 'anyOf'])
      if (listOf(part[name]).length > 0) result[name] = [inner(listOf(part[name])[0])];
    if (Array.isArray(part['allOf']))
      result['allOf'] = alike(
        listOf(part['allOf']).map((each) => inner(each)),
        result,
      );
    return result;
  }

  #kept(part: Part, times: number): Part {
    const kept = Object.fromEntries(
      KEPT.flatMap((name) => (part[name] === undefined ? [] : [[name, part[name]]])),
    );
    // A date has the length that it has.
    const isTime = /^(?:date|time)/.test(String(part['format']));
    if (isTime) delete kept['maxLength'];
    else if (typeof part['minLength'] === 'number') {
      kept['minLength'] = Math.min(part['minLength'], LONGEST_TEXT);
      this.#left -= times * Math.ceil((kept['minLength'] as number) / CHARACTERS_AS_ONE);
    }
    return kept;
  }
}

/** The type of a schema; of several, the first that is not null. */
function typeOf(part: Part): unknown {
  const types = [part['type']].flat();
  return types.find((type) => type !== 'null') ?? types[0];
}

/** What stands for a schema that is not gone into: an empty object or list, or null. */
const cut = (part: Part): Part => {
  const type = typeOf(part) ?? (part['items'] === undefined ? 'object' : 'array');
  return type === 'object' || type === 'array' ? { type } : { example: null };
};

/** Those parts of `allOf` whose type does not contradict the others. */
function alike(parts: readonly Part[], whole: Part): Part[] {
  const type = whole['type'] ?? parts.find((part) => part['type'] !== undefined)?.['type'];
  return parts.filter((part) => part['type'] === undefined || part['type'] === type);
}
