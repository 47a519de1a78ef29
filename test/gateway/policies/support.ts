import type { CompiledDocument, CompiledOperation } from '../../../src/gateway/types.js';

/** An operation of a test's document: `GET /items/{id}`, and its `operationId`. */
export function operation(key: string, operationId?: string): CompiledOperation {
  const [method = '', path = ''] = key.split(' ');
  return { key, method, path, open: false, scopes: [], permissions: [], ...(operationId && { operationId }) };
}

export const documentOf = (...operations: CompiledOperation[]): CompiledDocument => ({
  type: 'openapi-3.0',
  title: 'Items',
  firstSegments: ['items'],
  operations,
});

export const ITEMS = documentOf(
  operation('GET /items', 'listItems'),
  operation('POST /items', 'createItem'),
  operation('GET /items/{id}', 'readItem'),
  operation('DELETE /items/{id}'),
);
