/**
 * Who may call an operation of an API: steps 6 to 9 of the data plane, and the caller's identity for the backend.
 *
 * - `openAccess` gives the steps: token, scopes, permission, product key, limits. Each answers a `Problem` or nothing.
 * - `AccessCall` is what a step looks at; the steps set its `caller` and `key`.
 *
 * It never sends an access token or a product key on, never takes a token from a query, and never lets a call pass because
 * the store does not answer.
 */
export { openAccess, type Access, type AccessBase } from './access.js';
export { lacking } from './scopes.js';
export type { AccessCall } from './types.js';
