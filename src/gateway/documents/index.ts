/**
 * Documents of the gateway: Swagger 2, OpenAPI 3.0 and 3.1, as JSON or YAML. openDocuments() reads, checks and compiles one
 * in a thread with limits of time and memory; what is wrong has its line and what to change. routerOf() matches requests by
 * the operations of a CompiledDocument, and checkPath() says which paths may go to a backend at all.
 *
 * Nothing here reads a file or an address: a `$ref` that leads out of the document is refused before any library sees it.
 */
export { checkPath } from './check-path.js';
export { openDocuments, type Documents, type LocateParts } from './documents.js';
export { quoted } from './mistakes.js';
export { routerOf, type Router } from './router.js';
