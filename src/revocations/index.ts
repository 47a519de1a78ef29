export {
  openRevocations,
  revokeAllOf,
  revokeFamilyIn,
  revokedAmong,
  revokeTokenIn,
  userRevokedAt,
  USER_ENDED,
  type Issued,
  type Revocations,
  type UserEnded,
} from './store.js';
