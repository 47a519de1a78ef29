/** Names of identifiers and files, made of what a document calls its operations and tags. */

/** Words of the language, and what a file of handlers imports. */
const RESERVED = new Set(
  (
    'abstract any arguments as async await boolean break case catch class const constructor continue debugger declare default ' +
    'delete do else enum eval export extends false finally for from function get if implements import in instanceof interface ' +
    'is keyof let module namespace never new null number object of package private protected public readonly require return ' +
    'set static string super switch symbol this throw true try type typeof undefined unknown var void while with yield ' +
    'json notImplemented'
  ).split(' '),
);

const LONGEST_NAME = 60;

const wordsOf = (text: string): string[] =>
  text
    .normalize('NFKD')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');

/** An identifier in camel case: `listItems`. */
export function identifierOf(text: string, otherwise: string): string {
  const [first = otherwise, ...rest] = wordsOf(text);
  const camel = [
    first[0]?.toLowerCase() + first.slice(1),
    ...rest.map((word) => word[0]?.toUpperCase() + word.slice(1)),
  ];
  const name = camel.join('').slice(0, LONGEST_NAME);
  return RESERVED.has(name) || /^[0-9]/.test(name) ? `_${name}` : name;
}

/** A name of a file or package: `order-items`. */
export const slugOf = (text: string, otherwise: string): string =>
  wordsOf(text).join('-').toLowerCase().slice(0, LONGEST_NAME).replace(/-$/, '') || otherwise;

/** Gives each name once; the second `item` is `item2`. Upper and lower case are the same, as in some file systems. */
export class UniqueNames {
  readonly #taken = new Set<string>();
  readonly #next = new Map<string, number>();

  give(name: string): string {
    const key = name.toLowerCase();
    let number = this.#next.get(key) ?? 1;
    let given = number === 1 ? name : `${name}${number}`;
    while (this.#taken.has(given.toLowerCase())) {
      number += 1;
      given = `${name}${number}`;
    }
    this.#taken.add(given.toLowerCase());
    this.#next.set(key, number + 1);
    return given;
  }
}
