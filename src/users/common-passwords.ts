import type { DictionaryMatch, MatchEstimated, RepeatMatch, ZxcvbnFactory } from '@zxcvbn-ts/core';
import { ownLists } from './password-lists.js';
import { contextWords, readingsOf, type ContextWord, type Reading } from './password-words.js';

/** The estimate of `@zxcvbn-ts/core`, with the list and keyboards of `@zxcvbn-ts/language-common` (both MIT). */
async function load(): Promise<ZxcvbnFactory> {
  const [{ ZxcvbnFactory }, { dictionary, adjacencyGraphs }] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
  ]);
  return new ZxcvbnFactory({
    dictionary: { passwords: dictionary['passwords-common'], ...ownLists() },
    graphs: adjacencyGraphs,
    l33tMaxSubstitutions: MOST_SUBSTITUTIONS,
    maxLength: PART,
  });
}

let estimator: Promise<ZxcvbnFactory> | undefined;

/** Passwords are estimated in parts, because the time for one grows with the cube of its length. */
const PART = 32;
const PARTS = new RegExp(`.{1,${String(PART)}}`, 'gsu');
const MOST_SUBSTITUTIONS = 16;

/**
 * Powers of ten: a password that is found within so many guesses is refused. Of digits alone less is asked, because one in
 * twelve random numbers of twelve digits has a date in it.
 */
const [ENOUGH, ENOUGH_DIGITS] = [8, 6];
const enoughFor = (text: string): number => (/^\d+$/.test(text) ? ENOUGH_DIGITS : ENOUGH);

/** What one character of a kind takes that nothing explains, as a power of ten: of those that people use, not all there are. */
const KINDS: readonly (readonly [RegExp, number])[] = [
  [/\d/, 1],
  [/\p{Script=Han}/u, 3],
  [/\p{L}/u, 1.4],
];
const OTHERS = 1.5;
const unexplained = (text: string): number =>
  [...text].reduce((sum, each) => sum + (KINDS.find(([kind]) => kind.test(each))?.[1] ?? OTHERS), 0);

/** The least that a listed word takes, as a power of ten: four of the commonest are a good passphrase, two are not. */
const WORD = 2;
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
  const plain = impersonal(unexplained(token));
  if (token === whole || plain.guesses <= LITTLE) return plain;
  const again = ofText(look, token);
  return again.guesses < plain.guesses ? again : plain;
}

function ofWord({ words }: Look, matchedWord: string, { token, guessesLog10 }: MatchEstimated): Estimate {
  if (words.includes(matchedWord)) return { guesses: guessesLog10, personal: true };
  return impersonal(token.length < SHORTEST_WORD ? guessesLog10 : Math.max(WORD, guessesLog10));
}

function ofPiece(look: Look, piece: MatchEstimated, whole: string): Estimate {
  switch (piece.pattern) {
    case 'bruteforce':
      return ofUnknown(look, piece.token, whole);
    case 'dictionary':
      return ofWord(look, (piece as DictionaryMatch).matchedWord, piece);
    case 'repeat': {
      const { baseToken, repeatCount } = piece as RepeatMatch;
      return together(ofText(look, String(baseToken)), impersonal(Math.log10(repeatCount)));
    }
    default:
      return impersonal(piece.guessesLog10);
  }
}

function ofText(look: Look, text: string): Estimate {
  const sequence = look.zxcvbn.check(text, look.words).sequence as MatchEstimated[];
  return sequence.map((piece) => ofPiece(look, piece, text)).reduce(together, impersonal(0));
}

type Weakness = 'common' | 'personal';

/** What makes a reading weak: each part of it is found with few guesses. */
function weaknessIn(look: Look, { text, separators }: Reading): Weakness | undefined {
  let personal = false;
  for (const part of text.match(PARTS) ?? []) {
    const estimate = ofText(look, part);
    if (estimate.guesses + separators >= enoughFor(text)) return undefined;
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
    const weakness = weaknessIn(look, reading);
    if (weakness !== undefined) return weakness;
  }
  return undefined;
}
