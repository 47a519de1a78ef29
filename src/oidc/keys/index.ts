export { makeFirstKeys } from './first.js';
export { openKeyRing, readKeys, type KeyRing } from './ring.js';
export { DERIVED, REVOKED_KEY_ENDS, revokeKeys } from './revocation.js';
export {
  addKeys,
  keyRotation,
  listKeys,
  rotateKeys,
  scheduleOf,
  type KeyInfo,
  type KeySchedule,
} from './rotation.js';
export { KNOWN_ALGS } from './signing.js';
