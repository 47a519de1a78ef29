import { Invalid } from '../kernel/errors.js';

/** The form in which user names and e-mail addresses are compared. */
export const foldName = (name: string): string => name.normalize('NFKC').toLowerCase();

const PHONE_SHAPE = /^\+?[\d\s().-]{5,30}$/;
const EMAIL =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** The digits of something that looks like a phone number, with its plus if it has one. */
export const phoneDigits = (text: string): string | undefined =>
  PHONE_SHAPE.test(text) ? text.replace(/[^\d+]/g, '') : undefined;

/**
 * Checks a user name. One that reads as an e-mail address or a phone number is refused: people sign in with any of
 * the three, and nobody may take a name that is somebody else's address.
 * @throws Invalid
 */
export function checkUserName(name: string): void {
  if (name.length < 1 || name.length > 100 || CONTROL.test(name) || name.trim() !== name)
    throw new Invalid(
      'userName',
      'must be 1 to 100 characters without control characters or spaces around it',
    );
  if (name.includes('@'))
    throw new Invalid('userName', 'must not contain "@"; an e-mail address goes into email');
  if (phoneDigits(name) !== undefined)
    throw new Invalid('userName', 'must not be a phone number; that goes into phoneNumber');
}

/** The HTML standard's rule for an e-mail address. @throws Invalid */
export function checkEmail(email: string): void {
  if (email.length > 254 || !EMAIL.test(email))
    throw new Invalid('email', `"${email.slice(0, 260)}" is not an e-mail address`);
}

export interface Phone {
  countryCode: string | null;
  /** E.164: a plus and 6 to 15 digits. */
  number: string;
  /** Without the country code, where that is known. */
  national: string | null;
}

/** Reads an international number, or a national one with its country code. @throws Invalid */
export function readPhone(text: string, countryCode?: string): Phone {
  const digits = phoneDigits(text);
  const code = countryCode?.replace(/^\+/, '');
  if (digits === undefined || (code !== undefined && !/^[1-9]\d{0,2}$/.test(code)))
    throw new Invalid('phoneNumber', `"${text.slice(0, 40)}" is not a phone number`);
  if (!digits.startsWith('+') && code === undefined)
    throw new Invalid('phoneNumber', 'must begin with + and the country code, or come with countryCode');
  const national = digits.startsWith('+')
    ? code !== undefined && digits.startsWith(`+${code}`)
      ? digits.slice(code.length + 1)
      : null
    : digits.replace(/^0+/, '');
  const number = digits.startsWith('+') ? digits : `+${code}${national}`;
  if (!/^\+[1-9]\d{5,14}$/.test(number))
    throw new Invalid('phoneNumber', `"${text.slice(0, 40)}" is not a phone number`);
  return { countryCode: code ?? null, number, national };
}

/** Whether text can be a name or a password at all: bounded, and storable (PostgreSQL has no NUL in text). */
export const isPlainText = (text: string, longest: number): boolean =>
  text.length <= longest && !text.includes('\u0000');
