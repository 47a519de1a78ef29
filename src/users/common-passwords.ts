import { normalForm, reversed, spelledOut, squeezed, withoutSeparators } from './password-words.js';

type Graph = Readonly<Record<string, readonly (string | null)[]>>;

interface Known {
  /** What very many people have (tens of thousands, of leaks), in lower case. */
  passwords: ReadonlySet<string>;
  /** The neighbours of each key. */
  keys: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The list and the keyboards of `@zxcvbn-ts/language-common` (MIT); read when first needed. */
async function load(): Promise<Known> {
  const { dictionary, adjacencyGraphs } = await import('@zxcvbn-ts/language-common');
  const keys = new Map<string, Set<string>>();
  for (const graph of [adjacencyGraphs.qwerty, adjacencyGraphs.keypad] as Graph[])
    for (const [key, neighbours] of Object.entries(graph)) {
      const near = keys.get(key) ?? new Set<string>();
      // Each is what a key writes without and with shift: `1!`.
      for (const other of neighbours) for (const character of other ?? '') near.add(character);
      keys.set(key, near);
    }
  return { passwords: new Set(dictionary['passwords-common']), keys };
}

let known: Promise<Known> | undefined;

/** A word that is common is so with this much more at its ends. */
const MOST_AT_ENDS = 6;
const SHORTEST_WORD = 4;
/** Of a word that is hidden in characters that stand for letters, or written backwards: random texts have shorter ones. */
const SHORTEST_HIDDEN = 5;

/** A text, and what is left of it without some of the digits and punctuation at its ends. */
function withoutEnds(text: string): string[] {
  if (!/\p{L}/u.test(text)) return [text];
  const [head = ''] = /^[^\p{L}]*/u.exec(text) ?? [];
  const tail = text.length - text.replace(/[^\p{L}]+$/u, '').length;
  const words: string[] = [text];
  for (let before = 0; before <= Math.min(head.length, MOST_AT_ENDS); before++)
    for (let after = 0; after <= Math.min(tail, MOST_AT_ENDS - before); after++)
      if (text.length - before - after >= SHORTEST_WORD) words.push(text.slice(before, text.length - after));
  return words;
}

/**
 * Whether a text is in the list, as it is or read backwards, with characters that stand for letters (`p@ssw0rd`), and with
 * digits and punctuation at its ends. A character at an end is read both ways: `$unshine!`.
 */
const isListed = ({ passwords }: Known, text: string): boolean =>
  withoutEnds(text).some(
    (word) =>
      passwords.has(word) ||
      (word.length >= SHORTEST_HIDDEN &&
        [word, reversed(word)]
          .flatMap((way) => [way, ...spelledOut(way)])
          .some((reading) => passwords.has(reading))),
  );

const AT_ENDS = /^[^\p{L}]+|[^\p{L}]+$/gu;

/** The unit that a text repeats from its beginning to its end; the text itself where it repeats none. */
function unitOf(text: string): string {
  for (let length = 1; length <= text.length / 2; length++) {
    const unit = text.slice(0, length);
    if (unit.repeat(Math.ceil(text.length / length)).startsWith(text)) return unit;
  }
  return text;
}

const LONGEST_UNIT = 4;
const FEW_CHARACTERS = 2;
const FEW_RUNS = 4;

/** `passwordpassword`, `Password1password1`, `passwordp@ssw0rd!`. */
const repeatsListed = (all: Known, text: string): boolean =>
  [text, text.replace(AT_ENDS, '')]
    .flatMap((each) => [each, ...spelledOut(each)])
    .some((each) => {
      const unit = unitOf(each);
      return unit !== each && isListed(all, unit);
    });

/** `00000000`, `123123123`, `aabbaabb`, `11112222`. */
function isRepeat(all: Known, text: string): boolean {
  const unit = unitOf(text);
  const runs = text.replace(/(.)\1+/gu, '$1');
  return (
    new Set(text).size <= FEW_CHARACTERS ||
    runs.length <= FEW_RUNS ||
    (unit !== text && unit.length <= LONGEST_UNIT) ||
    repeatsListed(all, text)
  );
}

const LEAST_CHAIN = 3;

/** The end of what goes on from a place in one way: the same character, one more or less each time, or key by key. */
function endOfChain({ keys }: Known, text: string, from: number): number {
  const step = text.charCodeAt(from + 1) - text.charCodeAt(from);
  let [counted, walked] = [from + 1, from + 1];
  if (Math.abs(step) <= 1)
    while (counted < text.length && text.charCodeAt(counted) - text.charCodeAt(counted - 1) === step)
      counted++;
  while (
    walked < text.length &&
    (text[walked] === text[walked - 1] || keys.get(text[walked - 1] ?? '')?.has(text[walked] ?? ''))
  )
    walked++;
  return Math.max(counted, walked);
}

/** What has to be known to write a text: of a chain only where it begins and goes, of all else each character. */
function effort(all: Known, text: string): { chains: number; loose: number } {
  let [chains, loose] = [0, 0];
  for (let at = 0; at < text.length;) {
    const end = endOfChain(all, text, at);
    const chained = end - at >= LEAST_CHAIN;
    if (chained) chains += 1;
    else loose += 1;
    at = chained ? end : at + 1;
  }
  return { chains, loose };
}

const LITTLE = 4;

/** `987654321`, `qwertyuiop`, `1qaz2wsx`, `1122334455`, `asdf1234asdf`. */
function isChain(all: Known, text: string): boolean {
  const runs = text.replace(/(.)\1+/gu, '$1');
  return [text, runs].some((each) => {
    const { chains, loose } = effort(all, each);
    return loose === 0 || 2 * chains + loose <= Math.max(LITTLE, each.length / 3);
  });
}

/** Numbers that are read as words (Chinese), and lucky ones. */
const NUMBER_WORDS = [
  '5201314',
  '1314',
  '520',
  '521',
  '7758',
  '168',
  '518',
  '666',
  '888',
  '999',
  '000',
  '123',
  '321',
];

const LETTERS_AROUND = /^\p{L}{0,3}(?=\d)|(?<=\d)\p{L}{0,3}$/gu;

/**
 * `5201314520`, `a5201314`: digits that are words, one after the other, of three digits each at the least, and perhaps one
 * digit more; with up to three letters at an end.
 */
const isNumberWords = (all: Known, text: string): boolean =>
  isDigitWords(all, text.replace(LETTERS_AROUND, ''));

function isDigitWords({ passwords }: Known, text: string): boolean {
  if (!/^\d{5,}$/.test(text)) return false;
  const reached = new Set([0]);
  for (let at = 0; at < text.length; at++) {
    if (!reached.has(at)) continue;
    for (let end = at + LEAST_CHAIN; end <= text.length; end++) {
      const word = text.slice(at, end);
      if (NUMBER_WORDS.includes(word) || passwords.has(word)) reached.add(end);
    }
  }
  return reached.has(text.length) || reached.has(text.length - 1);
}

const [YEAR, SHORT_YEAR, MONTH, DAY] = [
  '(?:19|20)\\d\\d',
  '\\d\\d',
  '(?:0[1-9]|1[0-2])',
  '(?:0[1-9]|[12]\\d|3[01])',
];
const ORDERS = [YEAR, SHORT_YEAR].flatMap((year) => [
  [year, MONTH, DAY],
  [DAY, MONTH, year],
  [MONTH, DAY, year],
]);
/** With two characters more at the most. */
const dateOf = (parts: string[], separator: string): RegExp =>
  new RegExp(`^\\D{0,2}${parts.join(separator)}\\D{0,2}$`, 'u');
/** Where there is something between them, months and days may have one digit. */
const DATES = ORDERS.flatMap((parts) => [
  dateOf(parts, ''),
  dateOf(
    parts.map((part) => part.replaceAll('0[1-9]', '0?[1-9]')),
    '[-/._ 年月]',
  ),
]);
const DATE_AND_DIGITS = new RegExp(`^${YEAR}${MONTH}${DAY}\\d{0,2}$`);

/** `20000101`, `1.1.2000`, `zx19991231`. */
const isDate = (text: string): boolean => DATE_AND_DIGITS.test(text) || DATES.some((date) => date.test(text));

/** `a1b2c3d4` and the like: patterns that are tried without a list. */
const isPattern = (all: Known, text: string): boolean =>
  isRepeat(all, text) || isChain(all, text) || isNumberWords(all, text) || isDate(text);

/** What is left without separators has to be much of the password, or as long as one, to tell anything of it. */
const [MUCH, LONG] = [2 / 3, 8];

/** Whether a password is among those that are tried first. Neither case nor width, nor separators in it, make one better. */
export async function isCommon(password: string): Promise<boolean> {
  const all = await (known ??= load());
  const text = normalForm(password);
  if (isListed(all, text) || isPattern(all, text)) return true;
  return [withoutSeparators(password), squeezed(password)].some(
    (joined) =>
      (joined.length >= MUCH * text.length && isListed(all, joined)) ||
      (joined.length >= LONG && (isListed(all, joined) || isPattern(all, joined))),
  );
}
