import { VOCABULARIES } from '../api/access.js';
import { Invalid } from '../kernel/errors.js';

/** A word of an API as the scope that it is: scopes begin with the name of their API. */
export const scopeName = (resource: string, word: string): string =>
  word.startsWith(`${resource}.`) ? word : `${resource}.${word}`;

/**
 * Keeps APIs out of each other's words, and all of them out of the management API's: whoever could make the scope
 * `isms.all` in an API of his own would hold it everywhere.
 * @throws Invalid
 */
export function checkNames(resource: string, scopes: readonly { name: string }[]): void {
  const reserved = VOCABULARIES.find((prefix) => resource === prefix || resource.startsWith(`${prefix}.`));
  if (reserved !== undefined)
    throw new Invalid('name', `"${reserved}" is the management API's; choose another name`);
  // `ids4` with the scope `ids4.ms.all` would be the same word.
  const words = scopes.map(({ name }) => scopeName(resource, name));
  const stolen = words.find((word) => VOCABULARIES.some((prefix) => word.startsWith(`${prefix}.`)));
  if (stolen !== undefined) throw new Invalid('scopes', `"${stolen}" is the management API's`);
  const twice = words.find((word, index) => words.indexOf(word) !== index);
  if (twice !== undefined) throw new Invalid('scopes', `"${twice}" is there twice`);
}
