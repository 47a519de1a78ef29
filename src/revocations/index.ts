export {
  openRevocations,
  revokeAllOf,
  revokeFamilyIn,
  revokedScopes,
  revokeTokenIn,
  userRevokedAt,
  USER_ENDED,
  type Issued,
  type Revocations,
  type UserEnded,
} from './store.js';
