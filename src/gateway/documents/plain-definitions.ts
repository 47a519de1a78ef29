import { DocumentMistakes } from './mistakes.js';
import {
  isTree,
  listAt,
  pointerOf,
  pointerOfRef,
  refOf,
  textAt,
  tokensOf,
  treeAt,
  type Tree,
} from './tree.js';

/**
 * Definitions of Swagger 2 can have any name, such as `Page«Order»` of generic types; components of OpenAPI 3 can not. Such a
 * definition gets a name of the letters that both allow, and references to it follow.
 */

const ALLOWED = /^[A-Za-z0-9._-]+$/;
const OTHERS = /[^A-Za-z0-9._-]+/g;

/** The new names of definitions by their own; empty where all can stay. */
export function plainNamesOf(document: Tree): ReadonlyMap<string, string> {
  const all = Object.keys(treeAt(document, 'definitions'));
  const taken = new Set(all);
  const next = new Map<string, number>();
  const names = new Map<string, string>();
  for (const name of all) {
    if (ALLOWED.test(name)) continue;
    const wanted = name.replace(OTHERS, '_').replace(/^_+|_+$/g, '') || 'Definition';
    let number = next.get(wanted) ?? 1;
    let given = number === 1 ? wanted : `${wanted}_${number}`;
    for (; taken.has(given); given = `${wanted}_${number}`) number += 1;
    taken.add(given);
    next.set(wanted, number + 1);
    names.set(name, given);
  }
  return names;
}

/** A Swagger 2 document with names that OpenAPI 3 allows. */
export function withPlainDefinitions(document: Tree, names: ReadonlyMap<string, string>): Tree {
  if (names.size === 0) return document;
  const renamed = renaming(names)(document) as Tree;
  const definitions = Object.entries(treeAt(renamed, 'definitions'));
  return {
    ...renamed,
    definitions: Object.fromEntries(definitions.map(([name, schema]) => [names.get(name) ?? name, schema])),
  };
}

/** Copies a value with references that follow. What is shared in it stays shared. */
function renaming(names: ReadonlyMap<string, string>): (value: unknown) => unknown {
  const copies = new Map<object, unknown>();
  const copyOf = (value: object): unknown =>
    Array.isArray(value)
      ? value.map(renamed)
      : Object.fromEntries(
          Object.entries(value).map(([key, inner]: [string, unknown]) => [
            key,
            key === '$ref' && typeof inner === 'string' ? followed(names, inner) : renamed(inner),
          ]),
        );
  function renamed(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    const copy = copies.get(value) ?? copyOf(value);
    copies.set(value, copy);
    return copy;
  }
  return renamed;
}

function followed(names: ReadonlyMap<string, string>, ref: string): string {
  const [section, name = '', ...rest] = tokensOf(pointerOfRef(ref) ?? '');
  const given = section === 'definitions' ? names.get(name) : undefined;
  return given === undefined ? ref : `#${pointerOf([section ?? '', given, ...rest])}`;
}

/** How many schemas above one are looked at. */
const MOST_ABOVE = 100;

/**
 * Gives discriminators the values that their author meant: a value is the name of a definition, and that can be another one now.
 * @param openapi is changed
 */
export function keepDiscriminators(openapi: Tree, names: ReadonlyMap<string, string>): void {
  const schemas = treeAt(treeAt(openapi, 'components'), 'schemas');
  for (const [name, given] of names)
    for (const schema of withThoseAbove(schemas, given)) {
      const discriminator = treeAt(schema, 'discriminator');
      if (textAt(discriminator, 'propertyName') === undefined) continue;
      discriminator['mapping'] ??= {};
      treeAt(discriminator, 'mapping')[name] = `#/components/schemas/${given}`;
    }
}

/** A schema with those that its `allOf` refers to, and theirs. */
function withThoseAbove(schemas: Tree, name: string): Tree[] {
  const found = new Set([name]);
  for (const each of found)
    for (const part of listAt(treeAt(schemas, each), 'allOf')) {
      if (found.size >= MOST_ABOVE) break;
      const [section, kind, above, ...rest] = tokensOf(pointerOfRef(refOf(part) ?? '') ?? '');
      if (section === 'components' && kind === 'schemas' && above !== undefined && rest.length === 0)
        found.add(above);
    }
  return [...found].map((each) => treeAt(schemas, each));
}

/** A pointer into a document with plain definitions as one into the document of its author. */
export function originalPointer(names: ReadonlyMap<string, string>, pointer: string): string {
  const [section, given, ...rest] = tokensOf(pointer);
  if (section !== 'definitions') return pointer;
  for (const [name, plain] of names) if (plain === given) return pointerOf([section, name, ...rest]);
  return pointer;
}

/** Does work on a document with plain definitions; its mistakes name the places of the author's. @throws DocumentMistakes */
export async function inPlainDefinitions<T>(
  document: Tree,
  work: (plain: Tree, names: ReadonlyMap<string, string>) => Promise<T>,
): Promise<T> {
  const names = isTree(document['definitions']) ? plainNamesOf(document) : new Map<string, string>();
  try {
    return await work(withPlainDefinitions(document, names), names);
  } catch (error) {
    if (!(error instanceof DocumentMistakes) || names.size === 0) throw error;
    throw new DocumentMistakes(
      error.list.map((found) =>
        found.path === undefined ? found : { ...found, path: originalPointer(names, found.path) },
      ),
    );
  }
}
