export { openRevocations, revokeAllOf, type Issued, type Revocations } from './store.js';
