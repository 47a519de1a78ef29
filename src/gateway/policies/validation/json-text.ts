import { isTooDeep } from '../../../kernel/json-depth.js';
import { firstMistake } from '../../../kernel/json-mistake.js';
import { parse } from '../../../kernel/json.js';

export type ParsedJson = { value: unknown } | { problem: string };

/**
 * Reads JSON that another program reads after this one. What readers understand differently is refused: bytes that are no
 * UTF-8, a name twice in one object (RFC 8259, 4), nesting deeper than 64 levels.
 */
export function readJsonText(bytes: Uint8Array): ParsedJson {
  const text = textOf(bytes);
  if (text === undefined) return { problem: 'must be UTF-8' };
  if (isTooDeep(text)) return { problem: 'must not nest deeper than 64 levels' };
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    return { problem: `must be JSON; it is not from character ${firstMistake(text)} on` };
  }
  const twice = nameTwice(text);
  return twice === undefined ? { value } : { problem: `must not have the name ${twice} twice in one object` };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A text of UTF-8; undefined for other bytes. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

const LONGEST_NAME = 100;
/** A string, or a bracket or comma outside of strings. */
const TOKENS = /"(?:[^"\\]|\\[^])*"|[{}[\],:]/g;

/** The first name that an object of a JSON text has twice, as it is written. */
function nameTwice(text: string): string | undefined {
  /** For each open bracket the names of its object; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const names = open.at(-1);
      const name = last.includes('\\') ? parse<string>(last) : last.slice(1, -1);
      if (names?.has(name)) return last.slice(0, LONGEST_NAME);
      names?.add(name);
    }
    last = token;
  }
  return undefined;
}
