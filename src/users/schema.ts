import type { Claim } from '../roles/index.js';

/** A file that belongs to a user. */
export interface UserFile {
  type: 'image' | 'video' | 'doc';
  urls: string[];
}

/** An account elsewhere that the user signs in with. */
export interface Login {
  scheme: string;
  subject: string;
}

/** What a person or an administrator says of a user, beside what signing in needs. */
export interface Profile {
  nickName: string | null;
  gender: string | null;
  birthdate: string | null;
  address: string | null;
  /** Centimetres. */
  stature: number | null;
  /** Kilograms. */
  weight: number | null;
  description: string | null;
  avatar: string | null;
  properties: Record<string, string>;
  files: UserFile[];
}

export interface User extends Profile {
  id: string;
  /** The `sub` of tokens: a uuid, so that it can never equal a client id's token subject. */
  userKey: string;
  userName: string;
  email: string | null;
  emailVerified: boolean;
  countryCode: string | null;
  /** E.164. */
  phoneNumber: string | null;
  phoneNumberVerified: boolean;
  /** The id of the user who brought this one. */
  refereeId: string | null;
  /** The chain of referees, the first one first (lineage.ts). */
  lineage: string[];
  claims: Claim[];
  logins: Login[];
  enabled: boolean;
  /** Nobody signs in as this user before then; epoch milliseconds. */
  lockedUntil: number | null;
  createdAt: number;
  updatedAt: number;
  lastLoginAt: number | null;
}

/** Undefined says nothing; null says that there is none. */
type Given<T> = { [K in keyof T]?: T[K] | null | undefined };

export interface UserFields extends Given<Profile> {
  userName?: string | undefined;
  email?: string | null | undefined;
  emailVerified?: boolean | undefined;
  /** Digits, without plus or zeros: `86`. Needed with a phone number that does not begin with a plus. */
  countryCode?: string | null | undefined;
  phoneNumber?: string | null | undefined;
  phoneNumberVerified?: boolean | undefined;
  refereeId?: string | null | undefined;
  claims?: Claim[] | undefined;
  /** Ids or names of roles of the tenant. */
  roles?: string[] | undefined;
  enabled?: boolean | undefined;
  lockedUntil?: number | null | undefined;
}

export interface NewUser extends UserFields {
  userName: string;
  /** The key that it had elsewhere; a new one where there is none. */
  userKey?: string | undefined;
}

/** What a user is called, and reached by. */
export const namesOf = (user: {
  [Name in 'userName' | 'nickName' | 'email' | 'phoneNumber']?: string | null | undefined;
}): (string | null | undefined)[] => [user.userName, user.nickName, user.email, user.phoneNumber];
