import { MAX_BYTES, MAX_PROBLEMS, MAX_WORDS } from './limits.js';
import { pointerOf, tokensOf } from './tree.js';

export interface Position {
  /** From 1 on, as is the column. */
  line: number;
  column: number;
}

/** Something in a document that has to be changed, before it is known in which line it is. */
export interface Mistake {
  rule: string;
  /** A sentence that says what to change. */
  message: string;
  /** A JSON pointer. */
  path?: string;
  /** Where it is known without the pointer: in a text that cannot be read. */
  position?: Position;
}

/** The document cannot be used. It has at least one mistake. */
export class DocumentMistakes extends Error {
  override name = 'DocumentMistakes';
  readonly list: readonly Mistake[];

  constructor(list: readonly Mistake[]) {
    super(list[0]?.message);
    this.list = list.slice(0, MAX_PROBLEMS);
  }
}

export const mistake = (rule: string, message: string, place: Omit<Mistake, 'rule' | 'message'> = {}) =>
  new DocumentMistakes([{ rule, message, ...place }]);

/** @throws DocumentMistakes if there is one. */
export function refuse(list: readonly Mistake[]): void {
  if (list.length > 0) throw new DocumentMistakes(list);
}

/** A value of the document in a message: short, and on one line. */
export function quoted(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const line = text.replace(/[\p{C}\p{Z}]+/gu, ' ');
  return `"${line.length > 100 ? `${line.slice(0, 100)}…` : line}"`;
}

/** A mistake as it is answered. A document's names can be long; the pointer is to what stands above them then. */
export function inShort({ message, path, ...others }: Mistake): Mistake {
  const words =
    message.length > MAX_WORDS ? `${message.slice(0, MAX_WORDS).replace(/\p{Surrogate}$/u, '')}…` : message;
  return { ...others, message: words, ...(path !== undefined && { path: shortPointer(path) }) };
}

function shortPointer(pointer: string): string {
  if (pointer.length <= MAX_WORDS) return pointer;
  let short = '';
  for (const token of tokensOf(pointer)) {
    const next = short + pointerOf([token]);
    if (next.length > MAX_WORDS) break;
    short = next;
  }
  return short;
}

export const tooLarge = (): DocumentMistakes =>
  mistake('tooLarge', `Send at most ${MAX_BYTES / 1024 / 1024} MiB.`);
