import type { OpenApi } from '../types.js';

/**
 * A document's references are checked before a generator gets it, but for those in examples and other data, where `$ref` is a
 * name like any other. Libraries take it for a reference there too, and read what it names: a file, an address.
 */

type Tree = Record<string, unknown>;

const isTree = (value: unknown): value is Tree => value !== null && typeof value === 'object';

/** Takes out of a document each `$ref` that does not lead to a part of it. It changes the document. */
export function withoutForeignReferences(document: OpenApi): OpenApi {
  const open: Tree[] = [document];
  for (let part = open.pop(); part; part = open.pop()) {
    if (Object.hasOwn(part, '$ref') && !leadsInto(document, part['$ref'])) delete part['$ref'];
    for (const value of Object.values(part)) if (isTree(value)) open.push(value);
  }
  return document;
}

function leadsInto(document: OpenApi, reference: unknown): boolean {
  // A property with the name `$ref` has a schema, which is no text.
  if (typeof reference !== 'string') return true;
  if (!reference.startsWith('#')) return false;
  if (!reference.startsWith('#/')) return true;
  let found: unknown = document;
  for (const token of reference.slice(2).split('/')) {
    const name = decoded(token);
    if (name === undefined || !isTree(found) || !Object.hasOwn(found, name)) return false;
    found = found[name];
  }
  return true;
}

function decoded(token: string): string | undefined {
  try {
    return decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return undefined;
  }
}
