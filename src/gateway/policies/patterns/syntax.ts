/** A pattern as a tree. Groups are gone: what they capture is of no use where only a match is asked for. */
export type PatternNode =
  /** One character, as a regular expression says which: `a`, `\d`, `[^x-z]`. */
  | { kind: 'character'; source: string }
  | { kind: 'sequence' | 'choice'; nodes: PatternNode[] }
  | { kind: 'repeat'; node: PatternNode; min: number; max: number }
  | { kind: 'assertion'; test: 'start' | 'end' | 'boundary' | 'noBoundary' }
  | { kind: 'look'; node: PatternNode; ahead: boolean; negative: boolean };

/** A pattern that is not run, with the reason. */
export class PatternError extends Error {
  override name = 'PatternError';
}

export interface ParsedPattern {
  node: PatternNode;
  /** `u`: characters are code points; else code units. */
  flags: 'u' | '';
}

const LONGEST_PATTERN = 2000;
const DEEPEST_PATTERN = 50;

const QUANTIFIER = /(?:[*+?]|\{(\d{1,9})(,(\d{0,9}))?\})\??/y;
const GROUP = /\((?:\?(?::|<?[=!]|<[^>=!]*>))?/y;
/** An escaped character; in two escaped halves where it is one beyond U+FFFF. */
const ESCAPE =
  /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z]|[pP]\{[^}]*\}|[^])/y;
const CLASS = /\[(?:[^\]\\]|\\[^])*\]/y;
const ASSERTIONS: ReadonlyMap<string, 'boundary' | 'noBoundary'> = new Map([
  ['\\b', 'boundary'],
  ['\\B', 'noBoundary'],
]);

/**
 * Reads a pattern as ECMA-262 writes it: in Unicode mode, as JSON Schema asks, else without it, as many documents are written.
 * @throws PatternError for back references, which cannot be matched in linear time, and for what is no pattern
 */
export function parsePattern(source: string): ParsedPattern {
  if (source.length > LONGEST_PATTERN) throw new PatternError(`is longer than ${LONGEST_PATTERN} characters`);
  const flags = flagsOf(source);
  return { node: new Parser(source, flags).whole(), flags };
}

function flagsOf(source: string): 'u' | '' {
  for (const flags of ['u', ''] as const)
    try {
      new RegExp(source, flags);
      return flags;
    } catch {
      // Some patterns are right only without Unicode mode.
    }
  throw new PatternError('is no regular expression');
}

/** The engine has read the pattern before, so what this meets is right; it only takes the pattern apart. */
class Parser {
  #at = 0;
  #depth = 0;

  constructor(
    readonly source: string,
    readonly flags: 'u' | '',
  ) {}

  whole(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.source.length) throw new PatternError('cannot be read');
    return node;
  }

  #choice(): PatternNode {
    const nodes = [this.#sequence()];
    while (this.source[this.#at] === '|') {
      this.#at += 1;
      nodes.push(this.#sequence());
    }
    return nodes.length === 1 ? (nodes[0] as PatternNode) : { kind: 'choice', nodes };
  }

  #sequence(): PatternNode {
    const nodes: PatternNode[] = [];
    while (this.#at < this.source.length && !'|)'.includes(this.source[this.#at] as string))
      nodes.push(this.#quantified(this.#term()));
    return nodes.length === 1 ? (nodes[0] as PatternNode) : { kind: 'sequence', nodes };
  }

  #quantified(node: PatternNode): PatternNode {
    const match = this.#take(QUANTIFIER);
    if (!match) return node;
    const [text, least, isRange, most] = match;
    if (text.startsWith('*')) return { kind: 'repeat', node, min: 0, max: Infinity };
    if (text.startsWith('+')) return { kind: 'repeat', node, min: 1, max: Infinity };
    if (text.startsWith('?')) return { kind: 'repeat', node, min: 0, max: 1 };
    const max = isRange === undefined ? Number(least) : most ? Number(most) : Infinity;
    return { kind: 'repeat', node, min: Number(least), max };
  }

  #term(): PatternNode {
    const next = this.source[this.#at] as string;
    if (next === '(') return this.#group();
    if (next === '^' || next === '$') {
      this.#at += 1;
      return { kind: 'assertion', test: next === '^' ? 'start' : 'end' };
    }
    if (next === '\\') return this.#escape();
    if (next === '[') return { kind: 'character', source: this.#must(CLASS) };
    const code =
      this.flags === 'u' ? String.fromCodePoint(this.source.codePointAt(this.#at) as number) : next;
    this.#at += code.length;
    // Without Unicode mode, brackets that open nothing are characters.
    return { kind: 'character', source: ']{}'.includes(code) ? `\\${code}` : code };
  }

  #escape(): PatternNode {
    const source = this.#must(ESCAPE);
    const test = ASSERTIONS.get(source);
    if (test) return { kind: 'assertion', test };
    if (/^\\(?:[1-9]|k)/.test(source))
      throw new PatternError('has a back reference, which cannot be matched in bounded time');
    const isHalved = this.flags === '' && source.length === 12;
    if (isHalved) {
      this.#at -= 6;
      return { kind: 'character', source: source.slice(0, 6) };
    }
    return { kind: 'character', source };
  }

  #group(): PatternNode {
    const opening = this.#must(GROUP);
    this.#depth += 1;
    if (this.#depth > DEEPEST_PATTERN) throw new PatternError(`nests deeper than ${DEEPEST_PATTERN} groups`);
    const node = this.#choice();
    this.#depth -= 1;
    if (this.source[this.#at] !== ')') throw new PatternError('has a kind of group that is not known');
    this.#at += 1;
    const look = /^\(\?(<?)([=!])$/.exec(opening);
    return look ? { kind: 'look', node, ahead: look[1] === '', negative: look[2] === '!' } : node;
  }

  #take(regExp: RegExp): RegExpExecArray | null {
    regExp.lastIndex = this.#at;
    const match = regExp.exec(this.source);
    if (match) this.#at = regExp.lastIndex;
    return match;
  }

  #must(regExp: RegExp): string {
    const match = this.#take(regExp);
    if (!match) throw new PatternError('cannot be read');
    return match[0];
  }
}
