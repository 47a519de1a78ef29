import { MAX_BYTES, MAX_DEPTH, MAX_EXPANDED_CHARACTERS, MAX_KEY } from './limits.js';
import { readJson } from './json-source.js';
import { DocumentMistakes, mistake, quoted, tooLarge, type Mistake, type Position } from './mistakes.js';
import { pointerOf } from './tree.js';
import { readYaml } from './yaml-source.js';

/** A text that was read. */
export interface Source {
  value: unknown;
  format: 'json' | 'yaml';
  /** Whether parts of the value can be the same object. */
  hasAliases: boolean;
  /** Where JSON pointers stand in the text; for what is not there, where the last thing above it stands. */
  locate(pointers: readonly string[]): (Position | undefined)[];
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** A JSON document begins so; YAML in braces whose first key has no quotes does not. */
const JSON_START = /^[ \t\r\n]*\{[ \t\r\n]*["}]/;

/**
 * Reads JSON or YAML 1.2. What it gives can be written as JSON again without loss, and is at most MAX_DEPTH levels deep.
 * @throws DocumentMistakes
 */
export function readSource(text: string): Source {
  if (Buffer.byteLength(text) > MAX_BYTES) throw tooLarge();
  const places = [text.indexOf('\0'), text.search(LONE_SURROGATE)].filter((place) => place !== -1);
  if (places.length > 0) {
    const before = text.slice(0, Math.min(...places)).split('\n');
    const position = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
    throw mistake('characters', 'Remove the character that is no text: NUL, or half of a pair.', {
      position,
    });
  }
  const source = JSON_START.test(text) ? readJson(text) : readYaml(text);
  try {
    inspect(source.value, source.hasAliases);
  } catch (error) {
    throw error instanceof DocumentMistakes ? located(error, source) : error;
  }
  return source;
}

/** The same mistakes, each with its line. */
export function located({ list }: DocumentMistakes, source: Source): DocumentMistakes {
  const places = source.locate(list.map(({ path }) => path ?? ''));
  return new DocumentMistakes(
    list.map((found, index): Mistake => {
      const position = found.position ?? (found.path === undefined ? undefined : places[index]);
      return position ? { ...found, position } : found;
    }),
  );
}

/** People send the address or the file name of a document in its place. */
function notObject(root: unknown): string {
  const what = `Send an object, not ${Array.isArray(root) ? 'a list' : quoted(root)}.`;
  if (typeof root !== 'string') return what;
  return /^https?:/i.test(root)
    ? `${what} The address of a document goes into swaggerUrl.`
    : `${what} A text must be the JSON or YAML itself.`;
}

interface Measure {
  /** Characters of JSON, about. */
  size: number;
  height: number;
}

/**
 * Refuses what JSON or a store cannot hold, and what becomes too deep or too large by aliases. It follows each shared
 * object once, so that the time is bounded by the text.
 */
function inspect(root: unknown, hasAliases: boolean): void {
  const measured = new Map<object, Measure>();
  const tokens: (string | number)[] = [];
  const bad = (rule: string, message: string): DocumentMistakes =>
    mistake(rule, message, { path: pointerOf(tokens) });

  const checkKey = (key: string): void => {
    if (key === '__proto__') throw bad('forbiddenKey', 'Rename the key "__proto__".');
    if (key.length > MAX_KEY) throw bad('tooLong', `Use keys of at most ${MAX_KEY} characters.`);
    if (LONE_SURROGATE.test(key)) throw bad('characters', 'Remove the half character pair from the key.');
  };
  const checkScalar = (value: unknown): number => {
    if (typeof value === 'string') {
      if (LONE_SURROGATE.test(value))
        throw bad('characters', 'Remove the half character pair from the text.');
      return value.length + 2;
    }
    if (typeof value === 'number' && !Number.isFinite(value))
      throw bad('number', 'Write a number that JSON has: not infinite, not .nan.');
    return 8;
  };
  const checkChildren = (value: object, level: number): Measure => {
    let size = 2;
    let height = 0;
    const isList = Array.isArray(value);
    for (const [key, child] of Object.entries(value)) {
      tokens.push(key);
      if (!isList) checkKey(key);
      const inner = check(child, level + 1);
      tokens.pop();
      size += inner.size + (isList ? 1 : key.length + 4);
      height = Math.max(height, inner.height);
    }
    if (size > MAX_EXPANDED_CHARACTERS)
      throw bad('tooLarge', 'Use fewer aliases: the document becomes too large by them.');
    return { size, height: height + 1 };
  };
  const open = new Set<object>();
  const check = (value: unknown, level: number): Measure => {
    if (typeof value !== 'object' || value === null) return { size: checkScalar(value), height: 0 };
    if (open.has(value)) throw bad('alias', 'Remove the alias: it stands for something that it is in.');
    const known = hasAliases ? measured.get(value) : undefined;
    if (level + (known?.height ?? 1) > MAX_DEPTH) throw bad('tooDeep', `Nest at most ${MAX_DEPTH} levels.`);
    if (known) return known;
    open.add(value);
    const measure = checkChildren(value, level);
    open.delete(value);
    if (hasAliases) measured.set(value, measure);
    return measure;
  };
  const isObject = typeof root === 'object' && root !== null && !Array.isArray(root);
  if (!isObject) throw mistake('notObject', notObject(root), { path: '' });
  check(root, 0);
}
