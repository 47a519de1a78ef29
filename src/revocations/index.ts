export {
  openRevocations,
  revokeAllOf,
  revokeFamilyIn,
  revokeTokenIn,
  USER_ENDED,
  type Issued,
  type Revocations,
  type UserEnded,
} from './store.js';
