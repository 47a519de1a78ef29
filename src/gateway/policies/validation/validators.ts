import type { ErrorObject, Options, ValidateFunction } from 'ajv';
import type * as Ajv2020Library from 'ajv/dist/2020.js';
import { canonicalJson } from '../../../kernel/canonical-json.js';
import { once } from '../../../kernel/once.js';
import { whenNeeded } from '../../../kernel/when-needed.js';
import { DocumentPartError } from '../openapi/reader.js';
import { compilePattern, PatternError, type Budget, type Pattern } from '../patterns/index.js';
import { FORMATS } from './formats.js';
import type { JsonSchema } from './schemas.js';

const library = whenNeeded<typeof Ajv2020Library>('ajv/dist/2020.js');

/** How much one request may cost: about a tenth of a second. */
const MOST_STEPS = 3_000_000;
/** So many characters cost about as much to compare as one schema to visit. */
const CHARACTERS_AS_ONE = 16;
const MOST_ERRORS = 20;
const LONGEST_MESSAGE = 300;

/** A request costs too much to check; it is refused. */
export class TooMuchWork extends Error {
  override name = 'TooMuchWork';
}

class RequestBudget implements Budget {
  #left = MOST_STEPS;

  refill(): void {
    this.#left = MOST_STEPS;
  }

  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new TooMuchWork();
  }
}

/** What does not fit: a JSON pointer to it, and words. */
export interface Misfit {
  pointer: string;
  message: string;
}

/** @returns what does not fit, empty where all does. @throws TooMuchWork */
export type Check = (value: unknown) => Misfit[];

/** The validators of one operation. All of them spend of one budget, which each request has for itself. */
export interface Validators {
  /** JSON, whose values say their type. @throws DocumentPartError where the schema cannot be compiled */
  json(place: number): Check;
  /** Text: `5` is a number where one is asked for. Values are replaced. */
  text(place: number): Check;
  /** To be called before each request. */
  refill(): void;
}

/** @param definitions schemas by their place (`SchemaTranslator`) */
export function openValidators(definitions: Record<string, JsonSchema>): Validators {
  const budget = new RequestBudget();
  const compiler = (options: Options): ((place: number) => Check) => {
    const ajv = once(() => openAjv(budget, options).addSchema({ $id: 'operation', $defs: definitions }));
    return (place) => checkBy(() => ajv().getSchema(`operation#/$defs/${place}`));
  };
  return { json: compiler({}), text: compiler({ coerceTypes: true }), refill: () => budget.refill() };
}

/** A pattern as Ajv keeps it: it tells patterns apart by their text. */
class NamedPattern implements Pattern {
  readonly #pattern: Pattern;

  constructor(
    readonly source: string,
    budget: Budget,
  ) {
    this.#pattern = compilePattern(source, budget);
  }

  test = (text: string): boolean => this.#pattern.test(text);
  toString = (): string => this.source;
}

function openAjv(budget: Budget, options: Options): InstanceType<typeof Ajv2020Library.Ajv2020> {
  const ajv = new (library().Ajv2020)({
    ...options,
    strict: false,
    strictNumbers: true,
    validateSchema: false,
    meta: false,
    inlineRefs: false,
    logger: false,
    formats: FORMATS,
    code: {
      // It takes time in proportion to the square of the schema's length.
      optimize: false,
      regExp: Object.assign((source: string) => new NamedPattern(source, budget), { code: 'compilePattern' }),
    },
  });
  // Schemas that refer to each other can cost more than any time that is in proportion to the request.
  ajv.addKeyword({
    keyword: 'visit',
    schemaType: 'number',
    before: '$ref',
    errors: false,
    validate: (steps: number): boolean => {
      budget.spend(steps);
      return true;
    },
  });
  ajv.addKeyword({
    keyword: 'distinct',
    type: 'array',
    schemaType: 'boolean',
    error: { message: 'must not have the same item twice' },
    validate: (_: boolean, items: unknown[]): boolean => areDistinct(items, budget),
  });
  ajv.addKeyword({
    keyword: 'equals',
    schemaType: 'array',
    error: { message: 'must be one of the values that the document lists' },
    compile: (values: unknown[]) => isOneOf(values, budget),
  });
  return ajv;
}

function isOneOf(values: readonly unknown[], budget: Budget): (value: unknown) => boolean {
  const texts = new Set(values.map(canonicalJson));
  return (value) => {
    const text = canonicalJson(value);
    budget.spend(Math.ceil(text.length / CHARACTERS_AS_ONE));
    return texts.has(text);
  };
}

function areDistinct(items: readonly unknown[], budget: Budget): boolean {
  const seen = new Set<string>();
  return items.every((item) => {
    const text = canonicalJson(item);
    budget.spend(1 + Math.ceil(text.length / CHARACTERS_AS_ONE));
    return seen.size < seen.add(text).size;
  });
}

function checkBy(find: () => ValidateFunction | undefined): Check {
  const validate = compiled(find);
  return (value) => (validate(value) ? [] : (validate.errors ?? []).slice(0, MOST_ERRORS).map(misfitOf));
}

function compiled(find: () => ValidateFunction | undefined): ValidateFunction {
  try {
    const validate = find();
    if (validate) return validate;
  } catch (error) {
    if (error instanceof PatternError) throw new DocumentPartError(`a pattern ${error.message}`);
    throw new DocumentPartError(
      `a schema cannot be compiled: ${(error as Error).message.slice(0, LONGEST_MESSAGE)}`,
    );
  }
  throw new DocumentPartError('a schema cannot be compiled');
}

function misfitOf({ instancePath, keyword, message = 'is not valid', params }: ErrorObject): Misfit {
  const { allowedValues, allowedValue, missingProperty, additionalProperty, unevaluatedProperty } =
    params as {
      allowedValues?: readonly unknown[];
      allowedValue?: unknown;
      missingProperty?: string;
      additionalProperty?: string;
      unevaluatedProperty?: string;
    };
  const unknown = additionalProperty ?? unevaluatedProperty;
  const named = (words: string): Misfit => ({
    pointer: instancePath.slice(0, LONGEST_MESSAGE),
    message: words.slice(0, LONGEST_MESSAGE),
  });
  if (missingProperty !== undefined) return named(`must have the property "${missingProperty}"`);
  if (unknown !== undefined) return named(`must not have the property "${unknown}"`);
  if (keyword === 'false schema') return named('must not be there');
  if (keyword === 'enum' || keyword === 'const')
    return named(
      `must be one of ${(allowedValues ?? [allowedValue]).map((one) => JSON.stringify(one)).join(', ')}`,
    );
  return named(message);
}
