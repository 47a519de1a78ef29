import type * as PhoneNumbers from 'libphonenumber-js/max';
import { Invalid } from '../kernel/errors.js';
import { foldName } from '../kernel/names.js';
import { whenNeeded } from '../kernel/when-needed.js';

const phoneNumbers = whenNeeded<typeof PhoneNumbers>('libphonenumber-js/max');

export type Channel = 'sms' | 'mail';

/** Where a code goes. */
export interface Target {
  channel: Channel;
  /** E.164, or an e-mail address as it was given. */
  address: string;
  /** Of a number: the country's two letters (ISO 3166-1), where the number belongs to one. */
  country?: PhoneNumbers.CountryCode | undefined;
}

/** Two spellings of an address are one target. */
export const targetKey = ({ channel, address }: Target): string => `${channel}:${foldName(address)}`;

/** What may be written down of a target: enough for its owner to know it by. */
export const masked = ({ channel, address }: Target): string =>
  channel === 'sms'
    ? `…${address.slice(-4)}`
    : `${address.slice(0, 1)}…${address.slice(address.indexOf('@'))}`;

const LONGEST_EMAIL = 254;
/** The HTML standard's rule for an e-mail address. */
const EMAIL =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

/** @throws Invalid */
export function checkEmail(email: string): void {
  if (email.length > LONGEST_EMAIL || !EMAIL.test(email))
    throw new Invalid('email', `"${email.slice(0, LONGEST_EMAIL + 6)}" is not an e-mail address`);
}

export interface Phone {
  /** The country's calling code: `86`. */
  countryCode: string;
  /** E.164. */
  number: string;
  /** Without the country code. */
  national: string;
  country: PhoneNumbers.CountryCode | undefined;
}

/** A national number of which nothing says the country. */
export class NoCountryCode extends Invalid {}

const PHONE_SHAPE = /^\+?[\d\s().-]{5,30}$/;

/** Digits and signs as people type them: full-width ones become plain. */
const plain = (text: string): string => text.normalize('NFKC').trim();

/** The digits of something that looks like a phone number, with its plus if it has one. */
export function phoneDigits(text: string): string | undefined {
  const typed = plain(text);
  return PHONE_SHAPE.test(typed) ? typed.replace(/[^\d+]/g, '') : undefined;
}

/**
 * Reads an international number, or a national one with its country's calling code. A number that was given out is not
 * asked for here, only one that can be. @throws Invalid
 */
export function readPhone(text: string, countryCode?: string): Phone {
  const digits = phoneDigits(text);
  const code = countryCode?.replace(/^\+/, '');
  if (digits === undefined || (code !== undefined && !/^[1-9]\d{0,2}$/.test(code)))
    throw new Invalid('phoneNumber', `"${text.slice(0, 40)}" is not a phone number`);
  if (!digits.startsWith('+') && code === undefined)
    throw new NoCountryCode(
      'phoneNumber',
      'must begin with + and the country code, or come with countryCode',
    );
  const phone = phoneNumbers().parsePhoneNumberFromString(digits, {
    ...(code !== undefined && { defaultCallingCode: code }),
    extract: false,
  });
  if (!phone?.isPossible())
    throw new Invalid('phoneNumber', `"${text.slice(0, 40)}" is not a phone number of any country`);
  return {
    countryCode: phone.countryCallingCode,
    number: phone.number,
    national: phone.nationalNumber,
    country: phone.country,
  };
}

/** A number that can get a message. @throws Invalid */
export function phoneTarget(text: string, countryCode?: string): Target {
  const { number, country } = readPhone(text, countryCode);
  return { channel: 'sms', address: number, country };
}

/** @throws Invalid */
export function mailTarget(text: string): Target {
  const address = plain(text);
  checkEmail(address);
  return { channel: 'mail', address };
}

/**
 * A number or an address, whichever a person typed.
 * @param countryCode of numbers that are typed without one.
 * @throws Invalid
 */
export const typedTarget = (text: string, countryCode?: string): Target =>
  plain(text).includes('@') ? mailTarget(text) : phoneTarget(text, countryCode);

/** A code as a person types it: with spaces, in full-width digits; undefined where it is no code. */
export function readCode(typed: string): string | undefined {
  if (typed.length > 50) return undefined;
  const code = plain(typed).replace(/[\s-]/g, '');
  return /^\d{6}$/.test(code) ? code : undefined;
}
