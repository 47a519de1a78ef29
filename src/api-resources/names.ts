import { VOCABULARIES } from '../api/access.js';
import { Invalid } from '../kernel/errors.js';
import { foldName } from '../kernel/names.js';

/** A word of an API as the scope that it is: scopes begin with the name of their API. */
export const scopeName = (resource: string, word: string): string =>
  word.startsWith(`${resource}.`) ? word : `${resource}.${word}`;

/** Whether a word is in one of the management API's vocabularies, whatever it opens. */
const isOfManagement = (word: string): boolean =>
  VOCABULARIES.some((prefix) => word.startsWith(`${prefix}.`));

/**
 * Whether a scope or a permission is a word of the business API of this name. One of the management API never is:
 * `ids4.ms.all` belongs to no API `ids4`.
 */
export const isWordOf = (api: string, word: string): boolean =>
  word.startsWith(`${api}.`) && !isOfManagement(word);

/** Whether a word would be one where names are read in any case. */
export const isNearWordOf = (api: string, word: string): boolean => isWordOf(foldName(api), foldName(word));

/** Whether two names are one where they are read in any case. */
export const isSameName = (one: string, other: string): boolean => foldName(one) === foldName(other);

/** Whether the one API is below the other, in any case: all of its words can be words of the other as well. */
export const isBelow = (lower: string, upper: string): boolean =>
  foldName(lower).startsWith(`${foldName(upper)}.`);

/** Where the management API's words begin. */
const RESERVED = VOCABULARIES.map((prefix) => prefix.split('.', 1)[0] as string);

/** Keeps the names of new APIs out of where the management API's words begin, in any case. @throws Invalid */
export function checkNotReserved(name: string): void {
  const [first = ''] = name.toLowerCase().split('.', 1);
  if (RESERVED.includes(first))
    throw new Invalid(
      'name',
      `"${first}" is the management API's; choose a name that does not begin with it`,
    );
}

/**
 * Keeps APIs out of each other's words, and all of them out of the management API's: whoever could make the scope
 * `isms.all` in an API of his own would hold it everywhere.
 * @throws Invalid
 */
export function checkNames(resource: string, scopes: readonly { name: string }[]): void {
  if (isOfManagement(`${resource}.`)) throw new Invalid('name', `"${resource}" is the management API's`);
  // An API `ids4` of before, with the scope `ids4.ms.all`, would have the same word.
  const words = scopes.map(({ name }) => scopeName(resource, name));
  const stolen = words.find(isOfManagement);
  if (stolen !== undefined) throw new Invalid('scopes', `"${stolen}" is the management API's`);
  const twice = words.find((word, index) => words.indexOf(word) !== index);
  if (twice !== undefined) throw new Invalid('scopes', `"${twice}" is there twice`);
}
