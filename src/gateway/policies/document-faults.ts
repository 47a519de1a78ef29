import type { CompiledDocument, CompiledOperation } from '../types.js';
import { exampleFault } from './mock/index.js';
import { DocumentPartError, DocumentReader, type Part } from './openapi/reader.js';
import { openOperationCheck } from './validation/operation-check.js';

/** For all operations of a document together. What is not looked at then is found at its first call. */
const MOST_MS = 10_000;

function checkFault(reader: DocumentReader, operation: CompiledOperation): string | undefined {
  try {
    openOperationCheck(reader, operation);
    return undefined;
  } catch (error) {
    if (error instanceof DocumentPartError) return error.message;
    throw error;
  }
}

/**
 * Adds to each operation why a policy cannot check its requests or answer its example, so that such a policy is refused before
 * it is stored. It takes long for a large document, and is called in the thread that reads documents.
 * @param document OpenAPI 3, as it is stored.
 */
export function withFaults(compiled: CompiledDocument, document: Part): CompiledDocument {
  const reader = new DocumentReader(document);
  const end = performance.now() + MOST_MS;
  const operations = compiled.operations.map((operation): CompiledOperation => {
    if (performance.now() > end) return operation;
    const uncheckable = checkFault(reader, operation);
    const unmockable = exampleFault(reader, operation);
    return {
      ...operation,
      ...(uncheckable !== undefined && { uncheckable }),
      ...(unmockable !== undefined && { unmockable }),
    };
  });
  return { ...compiled, operations };
}
