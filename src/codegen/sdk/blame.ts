import type { FieldProblem } from '../../api/index.js';
import { changeOf, operationPart, pointerTo, type Part } from '../parts.js';
import type { Files, OpenApi } from '../types.js';
import type { CompileProblem } from './compile-order.js';
import { treeAt } from '../tree.js';
import { operationsIn } from './generated.js';

/** Which part of a document generated code is of, where it does not compile. */

const DECLARATION =
  /^export (?:declare )?(?:abstract )?(?:type|interface|class|enum|const|function) ([\p{ID_Continue}$]+)/u;
/** What the generator adds to the name of a schema. */
const ADDED = /(?:writable|enum)?\d*$/;

const plain = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** The name of the declaration that a line is in. */
function declaredAt(text: string, line: number): string | undefined {
  for (const each of text.split('\n').slice(0, line).reverse()) {
    const name = DECLARATION.exec(each)?.[1];
    if (name !== undefined) return name;
  }
  return undefined;
}

/** Finds the part that a place in the code was made of. */
function partsIn(code: Files, document: OpenApi): (problem: CompileProblem) => Part | undefined {
  const operations = operationsIn(code);
  const schemas = Object.keys(treeAt(treeAt(document, 'components'), 'schemas'));

  const operationWith = (name: string): string | undefined => {
    // `ListItemsResponse` is the union of what `ListItemsResponses` has.
    const word = new RegExp(
      `(?<![\\p{ID_Continue}$])${name.replaceAll('$', '\\$')}s?(?![\\p{ID_Continue}$])`,
      'u',
    );
    return operations.find(({ file, lines: [first, last] }) =>
      word.test(
        (code.get(file) ?? '')
          .split('\n')
          .slice(first - 1, last)
          .join('\n'),
      ),
    )?.operation;
  };
  const schemaNamed = (name: string): Part | undefined => {
    const wanted = [plain(name), plain(name).replace(ADDED, '')];
    const found = schemas.find((schema) => wanted.includes(plain(schema)));
    return found === undefined
      ? undefined
      : { name: `the schema ${JSON.stringify(found)}`, path: pointerTo('components', 'schemas', found) };
  };
  return ({ file, line }) => {
    const called = operations.find(
      (each) => each.file === file && each.lines[0] <= line && line <= each.lines[1],
    );
    if (called) return operationPart(called.operation);
    const name = declaredAt(code.get(file) ?? '', line);
    if (name === undefined) return undefined;
    if (name === 'ClientOptions') return { name: 'the servers', path: '/servers' };
    const operation = operationWith(name);
    return operation === undefined ? schemaNamed(name) : operationPart(operation);
  };
}

/** What the words of the compiler do not say: what the generator cannot make. */
const ADVICE: readonly (readonly [message: RegExp, advice: string])[] = [
  [
    /style: "(?:space|pipe)Delimited"/,
    'give query parameters that are objects the style "form" or "deepObject", which the client can write',
  ],
];

const adviceOf = (message: string): string =>
  ADVICE.find(([pattern]) => pattern.test(message))?.[1] ??
  `what is generated of it does not compile: ${message}`;

/** The problems of a compiler as those of the document, each part once. Its lines are not known here. */
export function documentProblems(
  problems: readonly CompileProblem[],
  code: Files,
  document: OpenApi,
): FieldProblem[] {
  const partOf = partsIn(code, document);
  const found = new Map<string, FieldProblem>();
  for (const problem of problems) {
    const part = partOf(problem);
    if (part && !found.has(part.path))
      found.set(part.path, changeOf(part, 'compile', adviceOf(problem.message)));
  }
  return [...found.values()];
}
