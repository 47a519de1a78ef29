import { exampleAnswers, type ExampleAnswer } from '../../../gateway/policies/mock/index.js';
import type { OpenApi } from '../../types.js';
import { identifierOf, slugOf, UniqueNames } from './names.js';
import { pathPattern, type PathPattern } from './paths.js';

/** What the stub has of a document. */
export interface StubOperation {
  method: string;
  path: string;
  pattern: PathPattern;
  /** The name of its function, unique in its file. */
  name: string;
  summary: unknown;
  example: ExampleAnswer | undefined;
}

/** The operations of a tag: a file of handlers. */
export interface StubGroup {
  /** The file's name without `.ts`. */
  file: string;
  operations: StubOperation[];
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

type Part = Record<string, unknown>;
const partOf = (value: unknown): Part =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Part) : {};

/** The operations of a document, by their first tag. */
export function groupsOf(document: OpenApi): StubGroup[] {
  const exampleOf = exampleAnswers(document);
  const files = new UniqueNames();
  const groups = new Map<string, StubGroup & { names: UniqueNames }>();
  for (const { method, path, operation } of operationsIn(document)) {
    const tag = tagOf(operation);
    let group = groups.get(tag);
    if (!group) {
      group = { file: files.give(slugOf(tag, 'operations')), operations: [], names: new UniqueNames() };
      groups.set(tag, group);
    }
    const { operationId, summary } = operation;
    const called = typeof operationId === 'string' ? operationId : `${method.toLowerCase()} ${path}`;
    group.operations.push({
      method,
      path,
      pattern: pathPattern(path),
      name: group.names.give(identifierOf(called, 'operation')),
      summary,
      example: exampleOf({ method, path }),
    });
  }
  return [...groups.values()];
}

function* operationsIn(document: OpenApi): Generator<{ method: string; path: string; operation: Part }> {
  for (const [path, item] of Object.entries(partOf(document['paths'])))
    for (const method of METHODS) {
      const operation = partOf(item)[method];
      if (path.startsWith('/') && operation !== undefined)
        yield {
          method: method.toUpperCase(),
          path: path.split('#', 1)[0] ?? '',
          operation: partOf(operation),
        };
    }
}

function tagOf({ tags }: Part): string {
  const [first] = Array.isArray(tags) ? (tags as unknown[]) : [];
  return typeof first === 'string' ? first : 'default';
}
