import type { DictionaryMatch, MatchEstimated, RepeatMatch, ZxcvbnFactory } from '@zxcvbn-ts/core';
import { yieldToEventLoop } from '../kernel/event-loop.js';
import { hanOf } from './han-words.js';
import { ownLists } from './password-lists.js';
import { contextWords, readingsOf, SYMBOL, type ContextWord, type Reading } from './password-words.js';
import { withoutPersonalNumbers } from './personal-numbers.js';

/** The estimate of `@zxcvbn-ts/core`, with the lists and keyboards of `@zxcvbn-ts/language-common` (both MIT). */
async function load(): Promise<ZxcvbnFactory> {
  const [{ ZxcvbnFactory }, { dictionary, adjacencyGraphs }] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
  ]);
  return new ZxcvbnFactory({
    // The library counts half of the words for any that is in a list of this name.
    dictionary: {
      passwords: dictionary['passwords-common'],
      diceware: dictionary['diceware-common'],
      ...ownLists(),
    },
    graphs: adjacencyGraphs,
    l33tMaxSubstitutions: MOST_SUBSTITUTIONS,
    maxLength: PART,
  });
}

let estimator: Promise<ZxcvbnFactory> | undefined;

/** Passwords are estimated in parts, because the time for one grows with the cube of its length. */
const PART = 32;
const PARTS = new RegExp(`.{1,${String(PART)}}`, 'gsu');
/** As many as 128 characters have: a character such as `ﷺ` is read as 18. */
const MOST_PARTS = 4;
const MOST_SUBSTITUTIONS = 16;

/**
 * Powers of ten: a password that is found within so many guesses is refused. Of digits alone less is asked, because one in
 * twelve random numbers of twelve digits has a date in it.
 */
const [ENOUGH, ENOUGH_DIGITS] = [8, 6];
const enoughFor = ({ text, dropped }: Reading): number =>
  dropped === 0 && /^\d+$/.test(text) ? ENOUGH_DIGITS : ENOUGH;

/** What one character of a kind takes that nothing explains, as a power of ten: of those that people use, not all there are. */
const KINDS: readonly (readonly [RegExp, number])[] = [
  [/\d/, 1],
  [/\p{L}/u, 1.4],
];
const unexplained = (text: string): number =>
  [...text].reduce((sum, each) => sum + (KINDS.find(([kind]) => kind.test(each))?.[1] ?? SYMBOL), 0);

/** What nothing explains is looked for first at the end, and then before or between words: one place of three. */
const BEFORE_END = Math.log10(3);

/** The least that a listed word takes, as a power of ten: four of the commonest are a good passphrase, two are not. */
const WORD = 2;
/** A word between two others, which each language has few of. */
const LINK = 1;
/** A number that belongs to a person is known to others. */
const PERSONAL_NUMBER = 4;
const SHORTEST_WORD = 2;
/** What takes no more than this is not read again. */
const LITTLE = 4;

/** What a password is looked up in. */
interface Look {
  zxcvbn: ZxcvbnFactory;
  words: string[];
}

interface Estimate {
  /** The power of ten of the guesses. */
  guesses: number;
  /** Whether a word of the context is in it. */
  personal: boolean;
}

const together = (a: Estimate, b: Estimate): Estimate => ({
  guesses: a.guesses + b.guesses,
  personal: a.personal || b.personal,
});
const impersonal = (guesses: number): Estimate => ({ guesses, personal: false });

/** The library prefers one unknown piece to two or three known ones, so an unknown piece is read again by itself. */
function ofUnknown(look: Look, token: string, whole: string): Estimate {
  const han = hanOf(token);
  if (han.guesses > 0)
    return han.others.map((each) => ofText(look, each)).reduce(together, impersonal(han.guesses));
  const plain = impersonal(unexplained(token));
  if (token === whole || plain.guesses <= LITTLE) return plain;
  const again = ofText(look, token);
  return again.guesses < plain.guesses ? again : plain;
}

/** Letters that are replaced, and the order backwards, are tried after the word as it is. */
const ofSpelling = ({ l33tVariations, reversed }: DictionaryMatch & MatchEstimated): number =>
  Math.log10((l33tVariations ?? 1) * (reversed ? 2 : 1));

function ofWord({ words }: Look, piece: DictionaryMatch & MatchEstimated): Estimate {
  const { token, guessesLog10, matchedWord, dictionaryName, rank } = piece;
  if (words.includes(matchedWord)) return { guesses: guessesLog10, personal: true };
  if (token.length < SHORTEST_WORD) return impersonal(guessesLog10);
  const spelling = ofSpelling(piece);
  if (dictionaryName === 'links' && spelling === 0) return impersonal(LINK);
  return impersonal(
    spelling + (dictionaryName === 'diceware' ? guessesLog10 : Math.max(WORD, Math.log10(rank))),
  );
}

/** `abc`, `321`; the library also finds `adg` and `gjm`, in steps of as many as five. */
const STEP = 1;
function isStepwise(token: string): boolean {
  const [first = 0, second = 0] = [...token].map((each) => each.codePointAt(0));
  return Math.abs(second - first) <= 1;
}

function ofPiece(look: Look, piece: MatchEstimated, whole: string): Estimate {
  switch (piece.pattern) {
    case 'bruteforce':
      return ofUnknown(look, piece.token, whole);
    case 'dictionary':
      return ofWord(look, piece as DictionaryMatch & MatchEstimated);
    case 'repeat': {
      const { baseToken, repeatCount } = piece as RepeatMatch;
      return together(ofText(look, String(baseToken)), impersonal(Math.log10(repeatCount)));
    }
    case 'sequence':
      return impersonal(piece.guessesLog10 + (isStepwise(piece.token) ? 0 : STEP));
    default:
      return impersonal(piece.guessesLog10);
  }
}

const isUnexplained = ({ pattern, token }: MatchEstimated): boolean =>
  pattern === 'bruteforce' && !/\p{Script=Han}/u.test(token);

function ofText(look: Look, text: string): Estimate {
  const sequence = look.zxcvbn.check(text, look.words).sequence as MatchEstimated[];
  return sequence
    .map((piece, at) => {
      const isBeforeEnd = isUnexplained(piece) && at < sequence.length - 1;
      return together(ofPiece(look, piece, text), impersonal(isBeforeEnd ? BEFORE_END : 0));
    })
    .reduce(together, impersonal(0));
}

function ofPart(look: Look, part: string): Estimate {
  const { rest, numbers } = withoutPersonalNumbers(part);
  return rest
    .map((each) => ofText(look, each))
    .reduce(together, { guesses: numbers * PERSONAL_NUMBER, personal: numbers > 0 });
}

type Weakness = 'common' | 'personal';

/** What makes a reading weak: each part of it is found with few guesses. */
async function weaknessIn(look: Look, reading: Reading): Promise<Weakness | undefined> {
  let personal = false;
  for (const part of (reading.text.match(PARTS) ?? []).slice(0, MOST_PARTS)) {
    await yieldToEventLoop();
    const estimate = ofPart(look, part);
    if (estimate.guesses + reading.dropped >= enoughFor(reading)) return undefined;
    personal ||= estimate.personal;
  }
  return personal ? 'personal' : 'common';
}

/**
 * Whether a password is found with few guesses: by a list of common ones, by patterns, or by words of its context (the
 * product, the tenant, the person). Neither case, width, accents, look-alikes nor separators make it better.
 */
export async function weaknessOf(
  password: string,
  known: readonly ContextWord[],
): Promise<Weakness | undefined> {
  const look = { zxcvbn: await (estimator ??= load()), words: contextWords(known) };
  for (const reading of readingsOf(password)) {
    const weakness = await weaknessIn(look, reading);
    if (weakness !== undefined) return weakness;
  }
  return undefined;
}
