import type { Claim } from '../roles/index.js';

export interface User {
  id: string;
  /** The `sub` of tokens: a uuid, so that it can never equal a client id's token subject. */
  userKey: string;
  userName: string;
  nickName: string | null;
  email: string | null;
  emailVerified: boolean;
  countryCode: string | null;
  /** E.164. */
  phoneNumber: string | null;
  phoneNumberVerified: boolean;
  gender: string | null;
  birthdate: string | null;
  address: string | null;
  avatar: string | null;
  claims: Claim[];
  enabled: boolean;
  createdAt: number;
  updatedAt: number;
  lastLoginAt: number | null;
}

export interface NewUser {
  userName: string;
  nickName?: string | undefined;
  email?: string | undefined;
  emailVerified?: boolean | undefined;
  /** Digits, without plus or zeros: `86`. Needed with a phone number that does not begin with a plus. */
  countryCode?: string | undefined;
  phoneNumber?: string | undefined;
  phoneNumberVerified?: boolean | undefined;
  gender?: string | undefined;
  birthdate?: string | undefined;
  address?: string | undefined;
  claims?: Claim[] | undefined;
  /** Names of roles of the tenant. */
  roles?: string[] | undefined;
}
