/** Case and width are no difference to who tries passwords: `ＡＤＭＩＮ` is `admin`. */
export const normalForm = (text: string): string => text.normalize('NFKC').toLowerCase();

/** A name, an address or a number; nothing where there is none. */
export type ContextWord = string | null | undefined;

const PRODUCT = 'gatehouse';

/** Words that add nothing to words of the context: letters such as `my`, digits such as a year. */
const [MOST_LETTERS, MOST_DIGITS] = [2, 8];

/** Letters and digits alone. */
export const squeezed = (text: string): string => normalForm(text).replace(/[^\p{L}\p{N}]+/gu, '');

/** The characters that people write for a letter, by the letter. `1` and its likes are read both ways. */
const WRITTEN_FOR: Readonly<Record<string, string>> = {
  a: '4@',
  b: '8',
  c: '(',
  e: '3€',
  g: '69',
  i: '1!|',
  l: '1!|',
  o: '0',
  s: '5$',
  t: '7+',
  z: '2',
};
const AMBIGUOUS = WRITTEN_FOR['i'] as string;
const LETTER_OF = new Map(
  Object.entries(WRITTEN_FOR).flatMap(([letter, written]) => [...written].map((each) => [each, letter])),
);
const STANDS_FOR_LETTER = [...LETTER_OF.keys()].filter((each) => /[^\p{N}]/u.test(each)).join('');
const SEPARATORS = new RegExp(`[^\\p{L}\\p{N}${STANDS_FOR_LETTER}]+`, 'gu');

/** Without what separates words, but with the characters that may stand for a letter. */
export const withoutSeparators = (text: string): string => normalForm(text).replace(SEPARATORS, '');

export const reversed = (text: string): string => [...text].reverse().join('');

/** A text with letters in place of what stands for them, in both ways of reading `1`; nothing where no letter gives it away. */
export function spelledOut(text: string): string[] {
  if (!/\p{L}/u.test(text)) return [];
  return ['i', 'l'].map((one) =>
    [...text].map((each) => (AMBIGUOUS.includes(each) ? one : (LETTER_OF.get(each) ?? each))).join(''),
  );
}

const isLongEnough = (word: string): boolean => word.length >= (/^[\p{ASCII}]*$/u.test(word) ? 3 : 2);

/** A name as a whole and in its parts; an address by what stands before and after its `@`; a number by its last digits. */
function formsOf(word: string): string[] {
  const digits = /^\+?[\d\s-]{7,}$/.test(word) ? word.replace(/\D/g, '') : undefined;
  if (digits !== undefined) return [digits, ...[11, 10, 8, 7].map((length) => digits.slice(-length))];
  return [word, ...normalForm(word).split(/[^\p{L}\p{N}]+/u)].map(squeezed);
}

/** Finds a word, each letter of it as it is or as a character that is written for it. */
const patternOf = (word: string): RegExp =>
  new RegExp([...word].map((letter) => `[${letter}${WRITTEN_FOR[letter] ?? ''}]`).join(''), 'gu');

/** A password without separators, and without the punctuation at one end or both: `$amuel!`, `G@tehouse!!!`. */
function readingsOf(password: string): string[] {
  const text = withoutSeparators(password);
  const [head, tail] = [/^[^\p{L}\p{N}]+/u, /[^\p{L}\p{N}]+$/u];
  const heads = [text, text.replace(head, '')];
  return [...new Set([squeezed(password), ...heads, ...heads.map((each) => each.replace(tail, ''))])];
}

/** Whether a text has no more in it than words that a pattern finds, and a little around them. */
function hasLittleMore(text: string, words: readonly RegExp[]): boolean {
  let rest = text;
  for (const word of words) rest = rest.replace(word, ' ');
  if (rest === text) return false;
  const digits = rest.replace(/[^\p{N}]/gu, '').length;
  const others = rest.replace(/[\p{N} ]/gu, '').length;
  return others <= MOST_LETTERS && digits <= MOST_DIGITS;
}

/**
 * Whether a password is made of words of its context alone: the product, the tenant, the person's names, address and number,
 * in any case and order, forwards and backwards, with characters that stand for letters, with separators in them, and with
 * digits and punctuation around them. One that has more in it is not.
 */
export function isOfContext(password: string, known: readonly ContextWord[]): boolean {
  const words = [PRODUCT, ...known].flatMap((word) => formsOf(word ?? '')).filter(isLongEnough);
  const patterns = [...new Set(words.flatMap((word) => [word, reversed(word)]))]
    .sort((a, b) => b.length - a.length)
    .map(patternOf);
  return readingsOf(password).some((text) => hasLittleMore(text, patterns));
}
