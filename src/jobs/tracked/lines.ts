import { shownText } from '../../kernel/shown-text.js';

const MOST_LINES = 40;
const LONGEST_LINE = 500;

/** Escape sequences of terminals, such as colours. */
// eslint-disable-next-line no-control-regex -- they begin with a control character
const ESCAPES = /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\^_])/g;

/** Text of a tool as one line that is safe to show, of at most so many characters. */
export function plainLine(text: string, longest = LONGEST_LINE): string {
  // What is cut off is not searched: a tool can write megabytes without an end of a line.
  const begin = text.slice(0, 4 * longest);
  const plain = shownText(begin.replace(ESCAPES, ''));
  return plain.length > longest ? `${plain.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '')}…` : plain;
}

/** The newest lines of a job, and whether they were stored. */
export interface Lines {
  add(text: string): void;
  /** All of them as JSON, for the store. */
  toJson(): string;
  /** Whether any came since `toJson`. */
  changed(): boolean;
}

export function openLines(before: readonly string[]): Lines {
  const lines = [...before];
  let changed = false;
  return {
    add(text) {
      const line = plainLine(text);
      if (line === '') return;
      lines.push(line);
      if (lines.length > MOST_LINES) lines.shift();
      changed = true;
    },
    toJson() {
      changed = false;
      return JSON.stringify(lines);
    },
    changed: () => changed,
  };
}
