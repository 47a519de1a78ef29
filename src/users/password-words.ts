/** A name, an address or a number; nothing where there is none. */
export type ContextWord = string | null | undefined;

const PRODUCT = 'gatehouse';

/** Letters of other scripts that look like Latin ones, and Latin ones that Unicode does not take apart. */
const LOOKS_LIKE = new Map(
  Object.entries({
    a: 'аα',
    b: 'вβ',
    c: 'сϲ',
    d: 'ԁđ',
    e: 'еєε',
    h: 'нһη',
    i: 'іιı',
    j: 'ј',
    k: 'кκ',
    l: 'ӏł',
    m: 'м',
    n: 'пν',
    o: 'оοσø',
    p: 'рρ',
    s: 'ѕ',
    t: 'тτ',
    u: 'υ',
    w: 'ԝω',
    x: 'хχ',
    y: 'уγ',
  }).flatMap(([latin, alike]) => [...alike].map((each) => [each, latin] as const)),
);

const HAN_DIGITS = '〇一二三四五六七八九';
/** The keys of the Russian layout, and the same ones of the American layout. */
const RUSSIAN = 'йцукенгшщзхъфывапролджэячсмитьбюё';
const AMERICAN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`";

const MARKS = /[\u0300-\u036f]/gu;
const UNSEEN = /\p{Cf}/gu;

/** Case, width and characters that cannot be seen are no difference to programs that try passwords: `ＡＤＭＩＮ` is `admin`. */
const normalForm = (text: string): string => text.normalize('NFKC').toLowerCase().replace(UNSEEN, '');

/** `2026年11月26日`. */
const HAN_DATE = /(?<=\d)[年月日号]/gu;

/** Without accents, and with Latin letters for those that look like them: `pаsswörd`. */
const latinForm = (text: string): string =>
  [...normalForm(text).normalize('NFD').replace(MARKS, '').normalize('NFC')]
    .map((each) => {
      const digit = HAN_DIGITS.indexOf(each);
      return digit >= 0 ? String(digit) : (LOOKS_LIKE.get(each) ?? each);
    })
    .join('')
    .replace(HAN_DATE, '-');

/** What the keys of a Russian keyboard write on an American one: `йцукен` is `qwerty`. */
const keysOf = (text: string): string =>
  [...normalForm(text)].map((each) => AMERICAN[RUSSIAN.indexOf(each)] ?? each).join('');

const CYRILLIC = /\p{Script=Cyrillic}/u;
/** What words are written with in place of letters stays where separators are taken out: `p@ss-w0rd`. */
const [SEPARATOR, SEPARATOR_ONLY] = [/[^\p{L}\p{N}]/gu, /[^\p{L}\p{N}@$!|+(€]/gu];

/** A way to read a password. */
export interface Reading {
  text: string;
  /** How many different separators were taken out of it: each had to be chosen. */
  separators: number;
}

/** The ways to read a password: as it is, without separators, and as the keys of another keyboard. */
export function readingsOf(password: string): Reading[] {
  const latin = latinForm(password);
  const found = new Map([[latin, 0]]);
  for (const separator of [SEPARATOR, SEPARATOR_ONLY]) {
    const text = latin.replace(separator, '');
    if (!found.has(text)) found.set(text, new Set(latin.match(separator)).size);
  }
  if (CYRILLIC.test(password)) {
    found.set(normalForm(password), 0);
    found.set(keysOf(password), 0);
  }
  return [...found].map(([text, separators]) => ({ text, separators }));
}

const isLongEnough = (word: string): boolean => word.length >= (/^\p{ASCII}*$/u.test(word) ? 3 : 2);

/** What stands before the `@` of an address, and the name of its host without what many hosts end with. */
function partsOfAddress(address: string): string[] {
  const [local = '', host = ''] = address.split('@');
  return [address, ...local.split(/[^\p{L}\p{N}]+/u), ...host.split('.').slice(0, -1)];
}

/** A name as a whole and in its parts; an address by what stands before and after its `@`; a number by its last digits. */
function formsOf(word: string): string[] {
  const digits = /^\+?[\d\s-]{7,}$/.test(word) ? word.replace(/\D/g, '') : undefined;
  if (digits !== undefined) return [digits, ...[11, 10, 8, 7].map((length) => digits.slice(-length))];
  const text = latinForm(word);
  return (text.includes('@') ? partsOfAddress(text) : [text, ...text.split(/[^\p{L}\p{N}]+/u)]).map((part) =>
    part.replace(SEPARATOR, ''),
  );
}

/** The words that the product, the tenant and the person give to who guesses a password. */
export const contextWords = (known: readonly ContextWord[]): string[] => [
  ...new Set([PRODUCT, ...known].flatMap((word) => formsOf(word ?? '')).filter(isLongEnough)),
];
