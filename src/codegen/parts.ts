import type { FieldProblem } from '../api/index.js';

/** Parts of a document that its author has to change, because code cannot be made of them. */
export interface Part {
  /** What its author calls it: `GET /items/{id}`. */
  name: string;
  /** A JSON pointer into the document as OpenAPI 3. */
  path: string;
}

export const pointerTo = (...tokens: readonly string[]): string =>
  tokens.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** @param operation `GET /items/{id}` */
export function operationPart(operation: string): Part {
  const at = operation.indexOf(' ');
  const [method, path] = [operation.slice(0, at).toLowerCase(), operation.slice(at + 1)];
  return { name: operation, path: pointerTo('paths', path, method) };
}

/** The part that a pointer names. */
export function partAt(pointer: string): Part {
  const [first, second = '', third = ''] = pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (first === 'paths') return operationPart(`${third.toUpperCase()} ${second}`);
  return { name: `the schema ${JSON.stringify(third)}`, path: pointer };
}

const LONGEST_NAME = 200;
/** Control characters, spaces and line ends: a path of a document can have any. */
const UNSEEN = /[\p{C}\p{Z}]+/gu;

/** What to change. */
export const changeOf = ({ name, path }: Part, rule: string, why: string): FieldProblem => ({
  field: 'document',
  rule,
  message: `change ${name.slice(0, LONGEST_NAME).replace(UNSEEN, ' ')}: ${why}`,
  path,
});
