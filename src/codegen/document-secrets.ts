import { Failure } from '../api/index.js';
import { CODEGEN_CODES } from './codes.js';
import { hasSecret, secretIn } from './secrets.js';
import type { OpenApi } from './types.js';

const refused = (message: string): Failure =>
  new Failure(422, CODEGEN_CODES.documentFailed, {
    message,
    data: [{ field: 'document', rule: 'secret', message }],
  });

/**
 * What a document says is published: in the README and the reference, and in comments of the code.
 * @param token that is set for the place where it is published.
 * @throws Failure 422 200001 where a secret is in it
 */
export function checkDocumentSecrets(document: OpenApi, token: string | null): void {
  if (hasSecret(JSON.stringify(document), token))
    throw refused('the document has the token in it that is set here; take it out, and make another token');
  const info = (document['info'] ?? {}) as Readonly<Record<string, unknown>>;
  for (const field of ['title', 'description']) {
    const text = info[field];
    const found = typeof text === 'string' ? secretIn(text) : undefined;
    if (found !== undefined)
      throw refused(`info.${field} of the document has ${found}; take it out, and revoke it`);
  }
}
