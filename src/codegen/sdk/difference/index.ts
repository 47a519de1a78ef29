/**
 * What has changed between two OpenAPI 3 documents, for callers that use a generated, typed client: `difference` compares the
 * operations, `schemas.ts` their schemas. A change is major where code that compiles and works with the old client may not with the
 * new one, and wherever that is unclear.
 *
 * Never: an unbounded walk, or a change that is passed over because a document is too large.
 */
export { difference } from './difference.js';
export type { Change, Level } from './changes.js';
