/**
 * The catalogue: what is published at the gateway. An API resource has one version set, a set has versions, a version has
 * revisions of which one is current (types.ts); products bundle versions, and authorization servers issue their tokens.
 * `operations.ts` changes it over the management API, in one transaction each; `openLiveCatalogue` has it in memory for the data
 * plane, and sees a change at the next call on the node that made it, and within a second on the others.
 * It must never store half of a publication, show a product key twice, or answer a call by a half-changed API.
 */
export { callPlace, type CallPlace } from './call-place.js';
export { currentDocument } from './current-document.js';
export { openLiveCatalogue, type LiveCatalogue, type LiveKey } from './live.js';
export { refusal } from './problems.js';
export type { CatalogueBase } from './types.js';
export { SOURCE } from './schemas.js';
export { DOCUMENT_LIMITS, givesDocument, withDocument, type Source, type SourceBase } from './source.js';
export { findVersion } from './version-store.js';
