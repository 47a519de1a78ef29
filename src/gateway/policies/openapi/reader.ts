import { objectOf } from '../../../kernel/json.js';
import type { CompiledOperation } from '../../types.js';

/** Any object of a document. */
export type Part = Record<string, unknown>;

/** A part of a document that cannot be used, with the reason. */
export class DocumentPartError extends Error {
  override name = 'DocumentPartError';
}

const MOST_REFERENCES = 50;

export const isPart = (value: unknown): value is Part =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

/** Reads parts of one OpenAPI 3 document. References lead within it alone. */
export class DocumentReader {
  /** Path items by their path without what follows `#`; made when an operation is first read. */
  #items: Map<string, unknown[]> | undefined;

  constructor(readonly document: Part) {}

  /** Whether schemas are those of OpenAPI 3.0, which are not JSON Schema. */
  get isVersion30(): boolean {
    const { openapi } = this.document;
    return typeof openapi === 'string' && openapi.startsWith('3.0');
  }

  /** What a reference such as `#/components/schemas/Item` names (RFC 6901). @throws DocumentPartError */
  at(reference: string): unknown {
    if (reference !== '#' && !reference.startsWith('#/'))
      throw new DocumentPartError(
        `the reference "${reference.slice(0, 200)}" does not lead into the document`,
      );
    let found: unknown = this.document;
    for (const token of reference.split('/').slice(1)) {
      const name = decodePointer(token);
      if (found === null || typeof found !== 'object' || !Object.hasOwn(found, name))
        throw new DocumentPartError(`nothing is at the reference "${reference.slice(0, 200)}"`);
      found = (found as Part)[name];
    }
    return found;
  }

  /** A part, behind its references. @throws DocumentPartError where they go round in a circle */
  resolve(part: unknown): Part {
    let found = part;
    for (let times = 0; isPart(found) && typeof found['$ref'] === 'string'; times += 1) {
      if (times > MOST_REFERENCES) throw new DocumentPartError('references go round in a circle');
      found = this.at(found['$ref']);
    }
    return objectOf(found);
  }

  /**
   * What the document says of an operation: its path item and itself. There are several where paths differ only behind `#`:
   * the gateway takes them for one operation.
   */
  operations({
    method,
    path,
  }: Pick<CompiledOperation, 'method' | 'path'>): { item: Part; operation: Part }[] {
    const name = method.toLowerCase();
    this.#items ??= itemsByPath(this.document);
    return (this.#items.get(path) ?? [])
      .map((item) => this.resolve(item))
      .filter((item) => isPart(item[name]))
      .map((item) => ({ item, operation: objectOf(item[name]) }));
  }
}

function itemsByPath(document: Part): Map<string, unknown[]> {
  const items = new Map<string, unknown[]>();
  for (const [written, item] of Object.entries(objectOf(document['paths']))) {
    const [path = ''] = written.split('#', 1);
    const known = items.get(path);
    if (known) known.push(item);
    else items.set(path, [item]);
  }
  return items;
}

function decodePointer(token: string): string {
  try {
    return decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    throw new DocumentPartError('a reference has a percent sign that encodes nothing');
  }
}
