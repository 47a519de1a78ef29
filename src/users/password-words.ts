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

/** Digits in words, for everyday use and for banks, old and new. */
const HAN_DIGITS = [
  '〇零',
  '一壹弌',
  '二贰貳弍',
  '三叁參弎',
  '四肆',
  '五伍',
  '六陆陸',
  '七柒',
  '八捌',
  '九玖',
];
const DIGITS = new Map(
  HAN_DIGITS.flatMap((alike, digit) => [...alike].map((each) => [each, String(digit)] as const)),
);
/** `十一` is 11, `二十` is 20. */
const TENS = /(\d?)[十拾](\d?)/gu;
const inDigits = (text: string): string =>
  text.replace(TENS, (_, tens: string, ones: string) => (tens || '1') + (ones || '0'));

const DECIMAL = /\p{Nd}/u;
const [ROW, SECOND_ZERO] = [16, 6];
/** Of another script, such as `٣`. Zeros stand at the begin of a row of 16 or at its seventh place. */
function digitOf(character: string): string | undefined {
  if (!DECIMAL.test(character)) return undefined;
  const code = character.codePointAt(0) ?? 0;
  const row = code - (code % ROW);
  return String(code - (DECIMAL.test(String.fromCodePoint(row)) ? row : row + SECOND_ZERO));
}

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
  inDigits(
    [...normalForm(text).normalize('NFD').replace(MARKS, '').normalize('NFC')]
      .map((each) => DIGITS.get(each) ?? LOOKS_LIKE.get(each) ?? digitOf(each) ?? each)
      .join(''),
  ).replace(HAN_DATE, '-');

/** What the keys of a Russian keyboard write on an American one: `йцукен` is `qwerty`. */
const keysOf = (text: string): string =>
  [...normalForm(text)].map((each) => AMERICAN[RUSSIAN.indexOf(each)] ?? each).join('');

/** Keys of digits with the shift key: the American layout, and others where these leave a sign free. */
const SHIFTED = new Map(
  ['0)', '1!', '2@"', '3#§£', '4$¥', '5%', '6^', '7&', '8*', '9('].flatMap(([digit = '', ...signs]) =>
    signs.map((sign) => [sign, digit] as const),
  ),
);
const OF_DIGIT_KEYS = /[\d!@#$%^&*()"§£¥]{4,}/gu;

/** Shift at every second key is one choice. */
const IN_TURNS = /^\D?(?:\d\D)+\d?$/u;

/** With the digits of keys that write a sign: `1!2@3#4$` is `11223344`. Of texts without their digits nothing changes. */
function withoutShift(text: string): Reading {
  let keys = 0;
  const digits = text.replace(OF_DIGIT_KEYS, (run) => {
    if (!/\d/.test(run) || /^\d+$/.test(run)) return run;
    keys += IN_TURNS.test(run) ? 1 : run.length;
    return [...run].map((each) => SHIFTED.get(each) ?? each).join('');
  });
  return { text: digits, dropped: keys * Math.log10(2) }; // each with or without the shift key
}

const CYRILLIC = /\p{Script=Cyrillic}/u;
/** What words are written with in place of letters stays where separators are taken out: `p@ss-w0rd`. */
const [SEPARATOR, SEPARATOR_ONLY] = [/[^\p{L}\p{N}]/gu, /[^\p{L}\p{N}@$!|+(€]/gu];

/** What a symbol takes that nothing explains, as a power of ten: of those that people use. */
export const SYMBOL = 1.5;

/** Which separators there are, and where: at each place one stands or not. */
const ofSeparators = (separators: readonly string[]): number =>
  new Set(separators).size * SYMBOL + separators.length * Math.log10(2);

const LETTERS = /\p{L}+/gu;
/** Not the first letter of a word: `MyDog`, `iPhone`. */
const ODD_CAPITAL = /(?<=\p{Lu})\p{Lu}|(?<!^)\p{Lu}(?!\p{Ll}{2})/gu;

/** Which letters are capitals, where that is more than the first ones of words or all of a word. */
function ofCapitals(password: string): number {
  const runs = password.normalize('NFKC').match(LETTERS) ?? [];
  const odd = runs
    .filter((run) => run !== run.toUpperCase())
    .reduce((sum, run) => sum + (run.match(ODD_CAPITAL)?.length ?? 0), 0);
  const letters = runs.join('').length;
  const choices = Array.from({ length: Math.min(odd, letters - odd) }, (_, at) => (letters - at) / (at + 1));
  return choices.reduce((sum, each) => sum + Math.log10(each), 0);
}

/** A way to read a password. */
export interface Reading {
  text: string;
  /** What is not in the text any more took choices, too: their power of ten. */
  dropped: number;
}

/** The ways to read a password: as it is, without separators or the shift key, with digits as words, and as other keyboards’ keys. */
export function readingsOf(password: string): Reading[] {
  const [normal, latin, capitals] = [normalForm(password), latinForm(password), ofCapitals(password)];
  const found = new Map([[latin, 0]]);
  for (const separator of [SEPARATOR, SEPARATOR_ONLY]) {
    const text = latin.replace(separator, '');
    if (text !== '' && !found.has(text)) found.set(text, ofSeparators(latin.match(separator) ?? []));
  }
  const unshifted = withoutShift(latin);
  if (unshifted.dropped > 0) found.set(unshifted.text, unshifted.dropped);
  if ([...normal].some((each) => DIGITS.has(each))) found.set(normal, 0);
  if (CYRILLIC.test(password)) {
    found.set(normal, 0);
    found.set(keysOf(password), 0);
  }
  return [...found].map(([text, separators]) => ({ text, dropped: separators + capitals }));
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
