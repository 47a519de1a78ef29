import type { OpenApi } from '../../types.js';
import { code, inline, paragraphs } from '../../markdown.js';
import { resolvedTree, treeAt } from '../../tree.js';
import { typeOf } from './document.js';
import { fieldsTable } from './fields.js';
import { valuesOf } from './values.js';

/** The schemas that a document has a name for: tables of operations name them, and each stands here once. */

export const SCHEMAS_FILE = 'schemas.md';

const namedSchemas = (document: OpenApi): [name: string, schema: unknown][] =>
  Object.entries(treeAt(treeAt(document, 'components'), 'schemas'));

export const countSchemas = (document: OpenApi): number => namedSchemas(document).length;

/** Sections, each with one schema. */
export function* schemaSections(document: OpenApi): Generator<string> {
  for (const [name, schema] of namedSchemas(document)) {
    const type = typeOf(document, schema);
    yield [
      `## ${inline(name)}`,
      [code(type), valuesOf(document, schema)].filter(Boolean).join(', '),
      paragraphs(resolvedTree(document, schema)['description']),
      fieldsTable(document, schema),
    ]
      .filter(Boolean)
      .join('\n\n');
  }
}
