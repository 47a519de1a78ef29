import type { Ajv, ErrorObject, ValidateFunction } from 'ajv';
import type { JSONSchema } from 'json-schema-to-ts';
import { openAjv } from '../kernel/ajv.js';
import { CLAIM_NAME } from '../kernel/claim-names.js';
import { once } from '../kernel/once.js';
import { schemaWords } from '../kernel/schema-words.js';
import { ADDRESS_FORMATS } from '../kernel/web-addresses.js';
import { BASIC } from './codes.js';
import { Failure, type FieldProblem } from './failure.js';

const MOST_PROBLEMS = 50;
const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)$/;

const formats = {
  ...ADDRESS_FORMATS,
  [CLAIM_NAME]: true as const,
  'date-time': {
    type: 'string' as const,
    validate: (text: string) => DATE_TIME.test(text) && !Number.isNaN(Date.parse(text)),
  },
};

/** Each Ajv would first compile the schema of schemas, to check by it what test/api/documentation.test.ts checks. */
const COMMON = { strictTypes: false, validateSchema: false, formats };

/** Bodies are JSON and say their types; queries and paths are text, of which `5` is a number where one is asked for. */
const ofJson = once(() => openAjv({ ...COMMON, allErrors: true, useDefaults: true }));
const ofStrangersJson = once(() => openAjv({ ...COMMON, useDefaults: true }));
const ofText = once(() => openAjv({ ...COMMON, allErrors: true, useDefaults: true, coerceTypes: true }));
/** Rules of how texts look and how many there are, which a row that is older than a rule need not fit. */
const OF_WRITING = [
  ...['pattern', 'minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems'],
  ...['minimum', 'maximum', 'maxProperties', 'propertyNames'],
];

/**
 * Takes out of an answer what is not declared, so that nothing leaves by accident. What is stored can be read, changed and
 * deleted, whatever rules have come since.
 */
const ofAnswers = once(() => {
  const ajv = openAjv({
    ...COMMON,
    removeAdditional: true,
    formats: Object.fromEntries(Object.keys(formats).map((name) => [name, true])),
  });
  for (const keyword of OF_WRITING) ajv.removeKeyword(keyword).addKeyword(keyword);
  return ajv;
});

/** Names come from the caller, and go back in the answer. */
const LONGEST_NAME = 100;
const short = (text: string): string =>
  text.length > LONGEST_NAME ? `${text.slice(0, LONGEST_NAME)}…` : text;

function problemOf(error: ErrorObject): FieldProblem {
  const { instancePath, keyword, params } = error;
  const { additionalProperty, missingProperty } = params as {
    additionalProperty?: string;
    missingProperty?: string;
  };
  const field = short(
    [instancePath.slice(1), additionalProperty ?? missingProperty].filter(Boolean).join('/'),
  );
  if (additionalProperty !== undefined)
    return { field, rule: 'unknown', message: 'is not known here; take it out' };
  if (missingProperty !== undefined) return { field, rule: 'required', message: 'is missing' };
  return { field, rule: keyword, message: schemaWords(error) };
}

export type Validate = (input: unknown) => void;

type Problems = (input: unknown) => FieldProblem[];

/** Compiles a schema when it is asked for first: all of them at once would be a third of the time that a start takes. */
const whenAsked = (ajv: () => Ajv, schema: JSONSchema): (() => ValidateFunction) =>
  once(() => ajv().compile(schema as object));

const inspector = (ajv: () => Ajv, schema: JSONSchema): Problems => {
  const checkOf = whenAsked(ajv, schema);
  return (input) => {
    const check = checkOf();
    return check(input) ? [] : (check.errors ?? []).slice(0, MOST_PROBLEMS).map(problemOf);
  };
};

/** What is wrong with a body, the first things first; it fills in defaults. */
export const inspectJson = (schema: JSONSchema): Problems => inspector(ofJson, schema);

const validator = (ajv: () => Ajv, schema: JSONSchema): Validate => {
  const inspect = inspector(ajv, schema);
  return (input) => {
    const problems = inspect(input);
    if (problems.length === 0) return;
    throw new Failure(422, BASIC.unprocessable, {
      message: problems
        .map(({ field, message }) => `${field || 'the body'}: ${message}`)
        .slice(0, 3)
        .join('; '),
      data: problems,
    });
  };
};

/**
 * Checks a body, and fills in defaults.
 * @param first whether to stop at the first problem: to find all of them costs more than strangers may ask for, and in a large
 * body more than anybody may.
 * @throws Failure with the fields
 */
export const validateJson = (schema: JSONSchema, first = false): Validate =>
  validator(first ? ofStrangersJson : ofJson, schema);

/** Checks a query or the parameters of a path, turns text into what the schema asks for, and fills in defaults. @throws Failure */
export const validateText = (schema: JSONSchema): Validate => validator(ofText, schema);

/** Leaves in an answer only what the schema declares. @throws where the answer is not what was promised */
export function presenter(schema: JSONSchema): (answer: unknown) => unknown {
  const checkOf = whenAsked(ofAnswers, schema);
  return (answer) => {
    const check = checkOf();
    const copy = structuredClone(answer);
    if (!check(copy))
      throw new Error(`the answer is not as declared: ${ofAnswers().errorsText(check.errors)}`);
    return copy;
  };
}
