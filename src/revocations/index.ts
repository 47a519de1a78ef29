export {
  openRevocations,
  revokeAllOf,
  revokeFamilyIn,
  USER_ENDED,
  type Issued,
  type Revocations,
  type UserEnded,
} from './store.js';
