import { randomBytes } from 'node:crypto';
import { Invalid } from '../kernel/errors.js';
import { phoneDigits } from '../verification/index.js';

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

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

/** Whether text can be a name or a password at all: bounded, and storable (PostgreSQL has no NUL in text). */
export const isPlainText = (text: string, longest: number): boolean =>
  text.length <= longest && !text.includes('\u0000');

/** A user name for who gave none. */
export const randomUserName = (): string => `user-${randomBytes(6).toString('hex')}`;
