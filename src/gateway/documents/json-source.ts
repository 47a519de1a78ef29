import type * as Jsonc from 'jsonc-parser';
import { isTooDeep, openJsonDepth } from '../../kernel/json-depth.js';
import { firstMistake } from '../../kernel/json-mistake.js';
import { parse } from '../../kernel/json.js';
import { whenNeeded } from '../../kernel/when-needed.js';
import { MAX_DEPTH, MAX_PROBLEMS } from './limits.js';
import { mistake, quoted, refuse, type Mistake, type Position } from './mistakes.js';
import type { Source } from './source.js';
import { pointerOf, tokensOf } from './tree.js';

const jsonc = whenNeeded<typeof Jsonc>('jsonc-parser');

/** @throws DocumentMistakes */
export function readJson(text: string): Source {
  if (isTooDeep(text, MAX_DEPTH))
    throw mistake('tooDeep', `Nest at most ${MAX_DEPTH} levels.`, { position: whereTooDeep(text) });
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    const position = positionOf(text, firstMistake(text));
    throw mistake('syntax', 'Write JSON: the text cannot be read from here on.', { position });
  }
  refuse(twoOfOneName(text));
  return { value, format: 'json', locate: (pointers) => locate(text, pointers), hasAliases: false };
}

function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function whereTooDeep(text: string): Position {
  const depth = openJsonDepth(MAX_DEPTH);
  const lines = text.split('\n');
  const line = lines.findIndex((piece) => !depth.read(Buffer.from(piece)));
  return { line: line + 1, column: 1 };
}

/** JSON.parse takes the last of several values with one name; other readers take the first. */
function twoOfOneName(text: string): Mistake[] {
  const found: Mistake[] = [];
  const open: Set<string>[] = [];
  jsonc().visit(text, {
    onObjectBegin: () => {
      open.push(new Set());
    },
    onObjectEnd: () => {
      open.pop();
    },
    onObjectProperty: (name, _offset, _length, line, column, path) => {
      const names = open.at(-1);
      if (names?.has(name) && found.length < MAX_PROBLEMS)
        found.push({
          rule: 'duplicateKey',
          message: `Remove one of the two values of ${quoted(name)}.`,
          path: pointerOf([...path(), name]),
          position: { line: line + 1, column: column + 1 },
        });
      names?.add(name);
    },
  });
  return found;
}

/** Where each of the pointers stands, or else what is above it. */
function locate(text: string, pointers: readonly string[]): (Position | undefined)[] {
  const places = new Map<string, Position | undefined>([['', undefined]]);
  for (const pointer of pointers)
    tokensOf(pointer).forEach((_, index, tokens) =>
      places.set(pointerOf(tokens.slice(0, index + 1)), undefined),
    );
  const note = (pointer: string, line: number, column: number): boolean => {
    const isWanted = places.has(pointer);
    if (isWanted) places.set(pointer, places.get(pointer) ?? { line: line + 1, column: column + 1 });
    return isWanted;
  };
  jsonc().visit(text, {
    onObjectBegin: (_offset, _length, line, column, path) => note(pointerOf(path()), line, column),
    onArrayBegin: (_offset, _length, line, column, path) => note(pointerOf(path()), line, column),
    onObjectProperty: (name, _offset, _length, line, column, path) =>
      void note(pointerOf([...path(), name]), line, column),
    onLiteralValue: (_value, _offset, _length, line, column, path) =>
      void note(pointerOf(path()), line, column),
  });
  return pointers.map((pointer) => {
    const tokens = tokensOf(pointer);
    for (let length = tokens.length; length >= 0; length -= 1) {
      const place = places.get(pointerOf(tokens.slice(0, length)));
      if (place) return place;
    }
    return undefined;
  });
}
