import { BASIC, Failure, type FieldProblem } from '../../api/index.js';
import type { Generator, GeneratorOption } from '../types.js';

type Value = string | boolean | number;

const LONGEST_TEXT = 200;
/** OpenAPI Generator makes paths of some options: these would lead out of its folder. */
const CLIMBS = /\.\.|^\/|[\\\p{Cc}\p{Cs}]/u;

/** What an option may be, for its caller. */
function expectationOf({ type, enum: values }: GeneratorOption): string {
  if (values) return `must be one of ${values.map((value) => JSON.stringify(value)).join(', ')}`;
  if (type === 'boolean') return 'must be true or false';
  if (type === 'integer') return 'must be an integer';
  return `must be a text of at most ${LONGEST_TEXT} characters, which begins with no / and has no .., \\ or control character`;
}

function fits({ type, enum: values }: GeneratorOption, value: unknown): value is Value {
  if (type === 'boolean') return typeof value === 'boolean';
  if (type === 'integer') return Number.isSafeInteger(value);
  if (typeof value !== 'string') return false;
  return values ? values.includes(value) : value.length <= LONGEST_TEXT && !CLIMBS.test(value);
}

function problemOf(
  name: string,
  value: unknown,
  { options, name: generator }: Generator,
): FieldProblem | undefined {
  const field = `options/${name.slice(0, 100)}`;
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  if (option)
    return fits(option, value) ? undefined : { field, rule: 'option', message: expectationOf(option) };
  const known = Object.keys(options);
  const message =
    known.length === 0
      ? `${generator} has no options; take it out`
      : `is not an option of ${generator}, which has ${known.join(', ')}`;
  return { field, rule: 'unknown', message };
}

/**
 * The options of a generator with what an order says of them.
 * @param filled whether defaults are added: OpenAPI Generator knows its own.
 * @throws Failure 422 naming each option that is not right
 */
export function optionsFor(
  generator: Generator,
  given: Readonly<Record<string, unknown>>,
  filled: boolean,
): Record<string, Value> {
  const problems = Object.entries(given)
    .slice(0, 100)
    .flatMap(([name, value]) => problemOf(name, value, generator) ?? []);
  if (problems.length > 0)
    throw new Failure(422, BASIC.unprocessable, {
      message: problems
        .slice(0, 3)
        .map(({ field, message }) => `${field}: ${message}`)
        .join('; '),
      data: problems,
    });
  const values: Record<string, Value> = {};
  for (const [name, option] of Object.entries(generator.options)) {
    const value = Object.hasOwn(given, name) ? (given[name] as Value) : filled ? option.default : undefined;
    if (value !== undefined) values[name] = value;
  }
  return values;
}
