/** No input of the product nests so deep. */
export const DEEPEST_JSON = 64;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Follows how deep JSON nests, before a parser builds anything of it. A parser that meets a megabyte of `[` needs much memory
 * or much stack, and so does all that goes through its result. It only counts, and nothing behind the first mistake of a text
 * counts for anything: what reads the text after it must stop there, as JSON.parse and firstMistake do.
 */
export interface JsonDepth {
  /** Reads the next piece. False from the moment on that it nests too deep. */
  read(piece: Uint8Array): boolean;
}

export function openJsonDepth(deepest = DEEPEST_JSON): JsonDepth {
  let depth = 0;
  let inString = false;
  let escaped = false;
  return {
    read(piece) {
      for (let at = 0; at < piece.length && depth >= 0 && depth <= deepest; at += 1) {
        const byte = piece[at];
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) inString = false;
        } else if (byte === QUOTE) inString = true;
        else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth += 1;
        else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
      }
      return depth <= deepest;
    },
  };
}

/** Whether a whole text nests too deep. A text with few brackets, which most are, is not read letter by letter. */
export const isTooDeep = (text: string, deepest = DEEPEST_JSON): boolean =>
  hasMoreThan(deepest, text) && !openJsonDepth(deepest).read(Buffer.from(text));

function hasMoreThan(most: number, text: string): boolean {
  let brackets = 0;
  for (const bracket of ['[', '{'])
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1))
      if (++brackets > most) return true;
  return false;
}
