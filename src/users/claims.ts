import type { User } from './schema.js';

/** The user's standard claims (OIDC Core 5.1), and the user's own claims under their own names. */
export function standardClaims(user: User): Record<string, unknown> {
  const own: Record<string, string> = {};
  for (const { type, value } of user.claims) if (type !== 'permission' && type !== 'role') own[type] = value;
  const known = {
    ...own,
    name: user.nickName ?? user.userName,
    preferred_username: user.userName,
    nickname: user.nickName,
    picture: user.avatar,
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
