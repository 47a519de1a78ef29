import { isIssuable } from '../kernel/claim-names.js';
import { isWebAddress } from '../kernel/web-addresses.js';
import type { Claim } from '../roles/index.js';
import { claimedUserName } from './carried-names.js';
import type { User } from './schema.js';

/** The user's own claims by type; several of one type are a list, in their order. */
function ownClaims(claims: readonly Claim[]): Record<string, string | string[]> {
  const own = new Map<string, string | string[]>();
  for (const claim of claims) {
    const { type, value } = claim;
    if (type === 'permission' || type === 'role' || !isIssuable(claim)) continue;
    const before = own.get(type);
    own.set(type, before === undefined ? value : [before, value].flat());
  }
  return Object.fromEntries(own);
}

/** The user's standard claims (OIDC Core 5.1), and the user's own claims under their own names. */
export function standardClaims(user: User): Record<string, unknown> {
  const known = {
    ...ownClaims(user.claims),
    name: user.nickName ?? user.userName,
    preferred_username: claimedUserName(user),
    nickname: user.nickName,
    picture: user.avatar !== null && isWebAddress(user.avatar) ? user.avatar : null,
    gender: user.gender,
    birthdate: user.birthdate,
    updated_at: Math.floor(user.updatedAt / 1000),
    email: user.email,
    email_verified: user.email === null ? null : user.emailVerified,
    phone_number: user.phoneNumber,
    phone_number_verified: user.phoneNumber === null ? null : user.phoneNumberVerified,
    address: user.address === null ? null : { formatted: user.address },
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== null));
}
