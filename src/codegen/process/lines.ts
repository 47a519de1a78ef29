import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';

const LONGEST_LINE = 1000;
/** Of a line as it is written: paths are taken out of it before it is cut. */
const LONGEST_WRITTEN = 4000;
const MOST_LINES = 10_000;
const MOST_LAST = 20;

/** What V8 writes when the heap is full: addresses of its code, nothing about the work. */
const HEAP_IS_FULL = /^<--- Last few GCs --->/;

/**
 * Takes what a tool writes, in bounded lines. Colours, control characters and paths of this machine are taken out.
 * @param hidden paths that must not be shown, the longest first.
 */
export class LineReader {
  readonly last: string[] = [];
  #count = 0;
  #isOver = false;

  constructor(
    readonly hidden: readonly string[],
    readonly line: (text: string) => void,
  ) {}

  /** Reads one of the tool's streams. */
  reader(): { write(chunk: Buffer): void; end(): void } {
    const decoder = new StringDecoder('utf8');
    let rest = '';
    const take = (text: string): void => {
      const parts = `${rest}${text}`.split(/\r?\n|\r/);
      rest = (parts.pop() ?? '').slice(0, LONGEST_WRITTEN);
      for (const part of parts) this.#take(part);
    };
    return {
      write: (chunk) => take(decoder.write(chunk)),
      end: () => {
        take(decoder.end());
        this.#take(rest);
        rest = '';
      },
    };
  }

  #take(written: string): void {
    const text = this.clean(written);
    this.#isOver ||= HEAP_IS_FULL.test(text) || this.#count >= MOST_LINES;
    if (text === '' || this.#isOver) return;
    this.#count += 1;
    this.last.push(text);
    if (this.last.length > MOST_LAST) this.last.shift();
    this.line(text);
  }

  /** A text without what must not be shown. */
  clean(text: string): string {
    const plain = stripVTControlCharacters(text.slice(0, LONGEST_WRITTEN));
    const without = this.hidden.reduce((shown, path) => shown.replaceAll(path, ''), plain);
    return without
      .slice(0, LONGEST_LINE)
      .replace(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/gu, ' ')
      .trim();
  }
}
