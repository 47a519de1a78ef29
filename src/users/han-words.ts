import { ownHanWords } from './password-lists.js';

/** Guesses as powers of ten: for a listed word, a character, and another word that the dictionary of ICU has. */
const [LISTED, CHARACTER, WORD] = [2, 3, 3.5];

const HAN = /\p{Script=Han}+/gu;
const LONGEST_LISTED = 7;

let tools: { listed: Set<string>; segmenter: Intl.Segmenter } | undefined;

/** Where the words of a text end that ICU knows, by where they begin. */
const endsOfWords = (text: string, segmenter: Intl.Segmenter): Map<number, number> =>
  new Map(Array.from(segmenter.segment(text), ({ segment, index }) => [index, index + segment.length]));

/** The fewest guesses for a text of Chinese characters: by words, because sentences have fewer words than characters. */
function ofRun(text: string): number {
  const { listed, segmenter } = (tools ??= {
    listed: ownHanWords(),
    segmenter: new Intl.Segmenter('zh', { granularity: 'word' }),
  });
  const ends = endsOfWords(text, segmenter);
  const least = Array.from({ length: text.length + 1 }, (_, at) => (at === 0 ? 0 : Infinity));
  const reach = (to: number, guesses: number): void => {
    least[to] = Math.min(least[to] ?? Infinity, guesses);
  };
  for (let from = 0; from < text.length; from++) {
    const before = least[from] ?? Infinity;
    reach(from + 1, before + CHARACTER);
    reach(ends.get(from) ?? from + 1, before + WORD);
    for (let to = from + 1; to <= Math.min(text.length, from + LONGEST_LISTED); to++)
      if (listed.has(text.slice(from, to))) reach(to, before + LISTED);
  }
  return least[text.length] ?? 0;
}

/** The guesses for the Chinese characters of a text, as a power of ten, and what stands between them. */
export const hanOf = (text: string): { guesses: number; others: string[] } => ({
  guesses: (text.match(HAN) ?? []).reduce((sum, run) => sum + ofRun(run), 0),
  others: text.split(HAN).filter((each) => each !== ''),
});
