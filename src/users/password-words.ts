/** Case and width are no difference to who tries passwords: `ＡＤＭＩＮ` is `admin`. */
export const normalForm = (text: string): string => text.normalize('NFKC').toLowerCase();

/** A name, an address or a number; nothing where there is none. */
export type ContextWord = string | null | undefined;

const PRODUCT = 'gatehouse';

/** Words that add nothing to words of the context: letters such as `my`, digits such as a year. */
const [MOST_LETTERS, MOST_DIGITS] = [2, 8];

/** Letters and digits alone. */
const squeezed = (text: string): string => normalForm(text).replace(/[^\p{L}\p{N}]+/gu, '');

const isLongEnough = (word: string): boolean => word.length >= (/^[\p{ASCII}]*$/u.test(word) ? 3 : 2);

/** A name as a whole and in its parts; an address by what stands before and after its `@`; a number by its last digits. */
function formsOf(word: string): string[] {
  const digits = /^\+?[\d\s-]{7,}$/.test(word) ? word.replace(/\D/g, '') : undefined;
  if (digits !== undefined) return [digits, ...[11, 10, 8, 7].map((length) => digits.slice(-length))];
  return [word, ...normalForm(word).split(/[^\p{L}\p{N}]+/u)].map(squeezed);
}

/**
 * Whether a password is made of words of its context alone: the product, the tenant, the person's names, address and number,
 * in any case and order, with digits and punctuation around them. One that has more in it is not.
 */
export function isOfContext(password: string, known: readonly ContextWord[]): boolean {
  const words = [PRODUCT, ...known].flatMap((word) => formsOf(word ?? '')).filter(isLongEnough);
  const whole = squeezed(password);
  let rest = whole;
  for (const word of [...new Set(words)].sort((a, b) => b.length - a.length))
    rest = rest.replaceAll(word, ' ');
  if (rest === whole) return false;
  const letters = rest.replace(/[^\p{L}]/gu, '').length;
  const digits = rest.replace(/[^\p{N}]/gu, '').length;
  return letters <= MOST_LETTERS && digits <= MOST_DIGITS;
}
