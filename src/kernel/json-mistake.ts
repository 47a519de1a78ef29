import type * as Jsonc from 'jsonc-parser';
import { whenNeeded } from './when-needed.js';

const jsonc = whenNeeded<typeof Jsonc>('jsonc-parser');

// The kinds of tokens of jsonc-parser, whose enum has no value at run time.
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST, COMMA, COLON] = [1, 2, 3, 4, 5, 6] as const;
const STRING = 10;
/** null, true, false, strings and numbers. */
const LITERALS: ReadonlySet<number> = new Set([7, 8, 9, STRING, 11]);
/** Line breaks and blanks. */
const SPACE: ReadonlySet<number> = new Set([14, 15]);
const END = 17;

type Expected = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end';

/**
 * Where the first mistake in a text is that JSON.parse does not take. The platform says that only for some. It reads token by
 * token and keeps the open brackets in a list: a text may come from a stranger, and must not decide how deep the stack grows.
 */
export function firstMistake(text: string): number {
  const scanner = jsonc().createScanner(text);
  const ends: number[] = [];
  let expected: Expected | undefined = 'value';
  for (let token: number = scanner.scan(); token !== END; token = scanner.scan()) {
    if (SPACE.has(token)) continue;
    const isWhole = Number(scanner.getTokenError()) === 0;
    expected = isWhole ? after(token, expected, ends) : undefined;
    if (expected === undefined) return scanner.getTokenOffset();
  }
  return text.length;
}

/** What may follow a token; undefined where the token itself is the mistake. */
function after(token: number, expected: Expected, ends: number[]): Expected | undefined {
  if (expected.endsWith('or end') && token === ends.at(-1)) {
    ends.pop();
    return 'comma or end';
  }
  switch (expected) {
    case 'value':
    case 'value or end':
      return afterValue(token, ends);
    case 'key':
    case 'key or end':
      return token === STRING ? 'colon' : undefined;
    case 'colon':
      return token === COLON ? 'value' : undefined;
    case 'comma or end':
      if (token !== COMMA || ends.length === 0) return undefined;
      return ends.at(-1) === CLOSE_OBJECT ? 'key' : 'value';
  }
}

function afterValue(token: number, ends: number[]): Expected | undefined {
  if (LITERALS.has(token)) return 'comma or end';
  if (token === OPEN_OBJECT) {
    ends.push(CLOSE_OBJECT);
    return 'key or end';
  }
  if (token !== OPEN_LIST) return undefined;
  ends.push(CLOSE_LIST);
  return 'value or end';
}
