import type { Position } from './mistakes.js';
import { withoutFragment } from './paths.js';
import { originalPointer, plainNamesOf } from './plain-definitions.js';
import { readSource } from './source.js';
import { isTree, pointerOf, tokensOf, treeAt, type Tree } from './tree.js';

/** Where Swagger 2 has the components of OpenAPI 3. */
const SWAGGER_SECTIONS: Readonly<Record<string, string>> = {
  schemas: 'definitions',
  parameters: 'parameters',
  requestBodies: 'parameters',
  responses: 'responses',
  securitySchemes: 'securityDefinitions',
};

/**
 * Where parts of a document stand in its text: the part itself, or else what is above it.
 * @param text of a document that was prepared.
 * @param pointers into the document as OpenAPI 3: Swagger 2 has another name for some parts.
 */
export function locateParts(text: string, pointers: readonly string[]): (Position | undefined)[] {
  const source = readSource(text);
  const document = isTree(source.value) ? source.value : {};
  const names = plainNamesOf(document);
  return source.locate(pointers.map((pointer) => pointerOf(tokensIn(document, names, tokensOf(pointer)))));
}

function tokensIn(
  document: Tree,
  names: ReadonlyMap<string, string>,
  tokens: readonly string[],
): readonly string[] {
  const [first, second = '', ...rest] = tokens;
  if (first === 'components' && Object.hasOwn(document, 'swagger')) {
    const section = Object.hasOwn(SWAGGER_SECTIONS, second) ? SWAGGER_SECTIONS[second] : undefined;
    if (section === undefined) return [];
    return tokensOf(originalPointer(names, pointerOf([section, ...rest])));
  }
  return first === 'paths' ? ['paths', keyOf(treeAt(document, 'paths'), second, rest[0]), ...rest] : tokens;
}

/** The key of a path in the document, which can have a fragment. */
function keyOf(paths: Tree, path: string, method: string | undefined): string {
  if (Object.hasOwn(paths, path)) return path;
  const keys = Object.keys(paths).filter((key) => withoutFragment(key) === path);
  return (
    keys.find((key) => method !== undefined && Object.hasOwn(treeAt(paths, key), method)) ?? keys[0] ?? path
  );
}
