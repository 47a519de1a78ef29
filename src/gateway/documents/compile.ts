import type { CompiledDocument, CompiledOperation, DocumentType } from '../types.js';
import {
  MAX_DESCRIPTION,
  MAX_OPERATIONS,
  MAX_PATH_BYTES,
  MAX_ROUTER_STEPS,
  MAX_SEGMENTS,
  MAX_TITLE,
} from './limits.js';
import { mistake, quoted, refuse, type Mistake } from './mistakes.js';
import { parsePath, shapeOf } from './path-template.js';
import { METHODS, pathKeys, permissionsOf } from './paths.js';
import { stepsOf } from './router-tree.js';
import { scopeAlternatives } from './security.js';
import { serverUrlOf } from './servers.js';
import { isTree, pointerOf, textAt, treeAt, type Tree } from './tree.js';

/**
 * What requests are matched by.
 * @param document OpenAPI 3 with plainPaths().
 * @throws DocumentMistakes for what OpenAPI allows, or leaves open, and a gateway cannot serve.
 */
export function compile(document: Tree, type: DocumentType): CompiledDocument {
  const paths = treeAt(document, 'paths');
  const keys = pathKeys(paths);
  refuse(keys.flatMap(checkPathKey));
  const operations = keys.flatMap((path) => operationsOf(document, path, treeAt(paths, path)));
  if (operations.length > MAX_OPERATIONS)
    throw mistake('tooManyOperations', `Describe at most ${MAX_OPERATIONS} operations.`, { path: '/paths' });
  refuse(checkShapes(operations));
  const info = treeAt(document, 'info');
  const title = keptText(info, 'title', MAX_TITLE) ?? '';
  const description = keptText(info, 'description', MAX_DESCRIPTION);
  const serverUrl = serverUrlOf(document);
  const compiled: CompiledDocument = {
    type,
    title,
    ...(description !== undefined && { description }),
    ...(serverUrl !== undefined && { serverUrl }),
    firstSegments: firstSegments(keys),
    operations,
  };
  if (stepsOf(compiled) > MAX_ROUTER_STEPS)
    throw mistake('ambiguousPaths', 'Use fewer paths that overlap: too many of them can match one request.', {
      path: '/paths',
    });
  return compiled;
}

/** The beginning of a text, which is in memory with the document. The end is no half of a character. */
function keptText(info: Tree, key: string, most: number): string | undefined {
  const text = textAt(info, key);
  if (text?.includes('\0'))
    throw mistake('characters', 'Remove the NUL.', { path: pointerOf(['info', key]) });
  return text?.slice(0, most).replace(/\p{Surrogate}$/u, '');
}

function checkPathKey(path: string): Mistake[] {
  const wrong = (message: string): Mistake[] => [{ rule: 'path', message, path: pointerOf(['paths', path]) }];
  if (path.includes('\0')) return wrong('Remove the NUL from the path.');
  if (path.includes('?')) return wrong('Remove the query from the path, and describe it as parameters.');
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    return wrong(`Use a path of at most ${MAX_PATH_BYTES} bytes.`);
  if (path.split('/').length > MAX_SEGMENTS + 1)
    return wrong(`Use a path of at most ${MAX_SEGMENTS} segments.`);
  return [];
}

function operationsOf(document: Tree, path: string, item: Tree): CompiledOperation[] {
  return METHODS.flatMap((name): CompiledOperation[] => {
    const operation = item[name];
    if (!isTree(operation)) return [];
    const pointer = pointerOf(['paths', path, name]);
    const method = name.toUpperCase();
    const operationId = textAt(operation, 'operationId');
    return [
      {
        key: `${method} ${path}`,
        ...(operationId !== undefined && { operationId }),
        method,
        path,
        ...scopeAlternatives(document, operation, pointer),
        permissions: permissionsOf(operation, pointer),
      },
    ];
  });
}

/** OpenAPI 3, Paths Object: templates that differ in names alone are one path. Requests could not tell them apart. */
function checkShapes(operations: readonly CompiledOperation[]): Mistake[] {
  const seen = new Map<string, CompiledOperation>();
  return operations.flatMap((operation): Mistake[] => {
    const shape = `${operation.method} ${parsePath(operation.path).map(shapeOf).join('/')}`;
    const same = seen.get(shape);
    if (!same) seen.set(shape, operation);
    if (!same) return [];
    return [
      {
        rule: 'samePath',
        message: `Remove this operation or another: no request can tell it from ${quoted(same.key)}.`,
        path: pointerOf(['paths', operation.path, operation.method.toLowerCase()]),
      },
    ];
  });
}

function firstSegments(paths: readonly string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    const [first] = parsePath(path);
    if (first?.kind === 'literal' && first.text !== '') found.add(first.text);
  }
  return [...found];
}
