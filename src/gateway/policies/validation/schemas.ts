import { isPart, listOf, type DocumentReader, DocumentPartError, type Part } from '../openapi/reader.js';

/** A schema as the validator takes it: JSON Schema 2020-12 with three keywords of our own (`distinct`, `equals`, `visit`). */
export type JsonSchema = Part | boolean;

/**
 * The largest schema of one operation, counted in schemas within it: compiling it takes about a second, in which nothing else runs.
 * The largest of GitHub's API has 209.
 */
const MOST_SCHEMAS = 2000;
/** Each is a loop over all keys of an object. */
const MOST_KEY_PATTERNS = 20;
/** So many names or values cost about as much to compare as one schema to visit. */
const COMPARED_AS_ONE = 8;

/**
 * Keywords that stay as they are. `uniqueItems` becomes `distinct`, which is not quadratic; `enum` and `const` become `equals`
 * where a value is an object or a list (see `canonicalJson`).
 */
const KEPT = [
  ...['type', 'enum', 'const', 'multipleOf', 'maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum'],
  ...['maxLength', 'minLength', 'pattern', 'maxItems', 'minItems', 'maxContains', 'minContains'],
  ...['maxProperties', 'minProperties', 'required', 'dependentRequired', 'format'],
];
const WITH_SCHEMA = [
  'items',
  'additionalProperties',
  'not',
  'if',
  'then',
  'else',
  'contains',
  'propertyNames',
].concat('unevaluatedItems', 'unevaluatedProperties');
const WITH_LIST = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const WITH_NAMES = ['properties', 'patternProperties', 'dependentSchemas'];
const UNKNOWN = ['$dynamicRef', '$recursiveRef'];

/**
 * Translates the schemas that one operation needs into a document of JSON Schemas. Only known keywords are taken over: names
 * (`$id`, `$anchor`) would let a document change what references mean.
 */
export class SchemaTranslator {
  readonly #definitions: JsonSchema[] = [];
  readonly #places = new Map<unknown, number>();
  readonly #pending: (() => void)[] = [];
  /** How many schemas there are. */
  size = 0;

  constructor(readonly reader: DocumentReader) {}

  /** Adds a schema, and answers its place in `definitions()`. @throws DocumentPartError */
  add(schema: unknown): number {
    const known = this.#places.get(schema);
    if (known !== undefined) return known;
    const place = this.#definitions.push(true) - 1;
    if (typeof schema === 'object' && schema !== null) this.#places.set(schema, place);
    this.#pending.push(() => (this.#definitions[place] = this.#translate(schema)));
    return place;
  }

  /** All schemas that were added, with those that they refer to. @throws DocumentPartError */
  definitions(): Record<string, JsonSchema> {
    for (let next = this.#pending.pop(); next; next = this.#pending.pop()) next();
    return Object.fromEntries(this.#definitions.entries());
  }

  #translate(schema: unknown): JsonSchema {
    this.size += 1;
    if (this.size > MOST_SCHEMAS)
      throw new DocumentPartError(`the schemas of this operation are more than ${MOST_SCHEMAS}`);
    if (typeof schema === 'boolean') return schema;
    if (!isPart(schema)) throw new DocumentPartError('a schema is no object');
    const unknown = UNKNOWN.find((keyword) => keyword in schema);
    if (unknown !== undefined)
      throw new DocumentPartError(`a schema uses ${unknown}, which is not supported`);
    const { $ref } = schema;
    if (typeof $ref !== 'string') return this.#withoutReference(schema);
    const target = { $ref: `#/$defs/${this.add(this.reader.at($ref))}` };
    // From OpenAPI 3.1 on, siblings of a `$ref` count.
    return this.reader.isVersion30 ? target : { ...this.#withoutReference(schema), ...target };
  }

  #withoutReference(schema: Part): Part {
    const result: Part = {};
    for (const name of KEPT) if (schema[name] !== undefined) result[name] = schema[name];
    for (const name of WITH_SCHEMA)
      if (schema[name] !== undefined) result[name] = this.#translate(schema[name]);
    for (const name of WITH_LIST)
      if (Array.isArray(schema[name]))
        result[name] = listOf(schema[name]).map((each) => this.#translate(each));
    for (const name of WITH_NAMES)
      if (isPart(schema[name]))
        result[name] = Object.fromEntries(
          Object.entries(schema[name]).map(([key, each]) => [key, this.#translate(each)]),
        );
    if (schema['uniqueItems'] === true) result['distinct'] = true;
    compareByText(result);
    this.#withoutReadOnly(schema, result);
    if (Object.keys(result['patternProperties'] ?? {}).length > MOST_KEY_PATTERNS)
      throw new DocumentPartError(`a schema has more than ${MOST_KEY_PATTERNS} patternProperties`);
    result['visit'] =
      1 + Math.floor((listOf(schema['enum']).length + listOf(schema['required']).length) / COMPARED_AS_ONE);
    return this.reader.isVersion30 ? from30(schema, result) : result;
  }

  /** A property that only answers have is not required of requests (OpenAPI 3.0.4, 4.7.24.2). */
  #withoutReadOnly({ properties, required }: Part, result: Part): void {
    if (!Array.isArray(required)) {
      delete result['required'];
      return;
    }
    if (!isPart(properties)) return;
    const isReadOnly = (name: unknown): boolean =>
      typeof name === 'string' &&
      Object.hasOwn(properties, name) &&
      this.reader.resolve(properties[name])['readOnly'] === true;
    result['required'] = required.filter((name) => !isReadOnly(name));
  }
}

const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null;

function compareByText(schema: Part): void {
  for (const keyword of ['enum', 'const']) {
    if (!(keyword in schema)) continue;
    const values = keyword === 'enum' ? listOf(schema[keyword]) : [schema[keyword]];
    if (values.every(isScalar)) continue;
    delete schema[keyword];
    schema['allOf'] = [...listOf(schema['allOf']), { equals: values }];
  }
}

/** What OpenAPI 3.0 writes in its own way: null, and limits that do not include themselves. */
function from30(schema: Part, { ...result }: Part): Part {
  for (const [flag, limit] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof schema[flag] !== 'boolean') continue;
    delete result[flag];
    if (!schema[flag] || result[limit] === undefined) continue;
    result[flag] = result[limit];
    delete result[limit];
  }
  if (schema['nullable'] !== true) return result;
  const { visit, ...rest } = result;
  return { visit, anyOf: [{ type: 'null' }, rest] };
}
