export { loadKeyRing, BASE_ALGS, type KeyRing } from './ring.js';
export {
  addKeys,
  keyRotation,
  listKeys,
  rotateKeys,
  scheduleOf,
  sealRow,
  type KeyInfo,
  type KeySchedule,
  type KeyState,
} from './rotation.js';
export { KNOWN_ALGS } from './signing.js';
