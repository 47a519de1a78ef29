import { JSONParser } from '@streamparser/json';
import { openJsonDepth } from '../kernel/json-depth.js';

/** What a text of JSON was: one thing, or a list whose entries were told one by one. */
export type JsonText = { one: unknown } | { list: true };

/** What is no JSON in UTF-8, or ends before its end. */
export class NotJson extends Error {
  override name = 'NotJson';
}

/** A list has more entries than it may have. */
export class TooManyEntries extends Error {
  override name = 'TooManyEntries';
}

/** So many entries a list in a body may have. */
export const MOST_ENTRIES = 200_000;

const LONGEST_PROBLEM = 100;

/** What the parser says, without its own states, and with the place in the whole body rather than in a chunk of it. */
const inPlainWords = (message: string): string =>
  message
    .replace(/ in state \w+$/, '')
    .replace(/ at chunk position "\d+" \(absolute position "(\d+)"\)$/, ' at byte $1')
    .slice(0, LONGEST_PROBLEM);

export interface JsonReader {
  /** @throws NotJson, TooManyEntries, and what `each` throws */
  write(chunk: Uint8Array): void;
  /** @throws NotJson */
  end(): JsonText;
}

/** Larger than most strings: each is decoded, and checked to be UTF-8, in one go. */
const STRING_BUFFER = 256;

const MARK = [0xef, 0xbb, 0xbf];
const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);
const BRACKET = 0x5b;

/** Without the byte order mark that Windows' editors write. */
const withoutMark = (bytes: Uint8Array): Uint8Array =>
  MARK.every((byte, at) => bytes[at] === byte) ? bytes.subarray(MARK.length) : bytes;

/** Whether a text begins a list; undefined where nothing but space has come of it. */
export function beginsList(bytes: Uint8Array): boolean | undefined {
  const first = withoutMark(bytes).find((byte) => !SPACE.has(byte));
  return first === undefined ? undefined : first === BRACKET;
}

/**
 * Reads JSON piece by piece. A list is never held whole: `each` is told each of its entries.
 * @param most entries that a list may have.
 */
export function openJsonReader(each: (entry: unknown) => void, most = Infinity): JsonReader {
  let isList: boolean | undefined;
  let one: unknown;
  let ended = false;
  let failed: { error: unknown } | undefined;
  let begun = false;
  const depth = openJsonDepth();
  const parser = new JSONParser({ paths: ['$', '$.*'], keepStack: false, stringBufferSize: STRING_BUFFER });
  parser.onValue = ({ value, key, parent, stack }) => {
    if (stack.length === 0) {
      ended = true;
      if (isList === false) one = value;
      return;
    }
    if (!isList || typeof key !== 'number') return;
    try {
      if (key >= most) throw new TooManyEntries(`it may have ${most} entries`);
      each(value);
    } catch (error) {
      failed = { error };
      throw error;
    }
    (parent as unknown[])[key] = undefined; // told; the list is not to hold it
  };
  const reading = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw failed ? failed.error : new NotJson(inPlainWords((error as Error).message));
    }
  };
  return {
    write(chunk) {
      const bytes = begun ? chunk : withoutMark(chunk);
      begun = true;
      isList ??= beginsList(bytes);
      if (!depth.read(bytes)) throw new NotJson('it nests too deep');
      reading(() => parser.write(bytes));
    },
    end() {
      if (!ended) throw new NotJson('it ends in the middle');
      return isList ? { list: true } : { one };
    },
  };
}
