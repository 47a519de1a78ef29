import {
  Composer,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  type CST,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import { MAX_ALIASES, MAX_DEPTH } from './limits.js';
import { mistake, quoted, refuse, type Mistake, type Position } from './mistakes.js';
import type { Source } from './source.js';
import { tokensOf } from './tree.js';

/** Comes before each plain, quoted or block scalar among the lexer's pieces. */
const SCALAR_FOLLOWS = '\x1f';
/** Collections that are open, and the document and the value that are around and in them. */
const MAX_STACK = MAX_DEPTH + 3;

/** @throws DocumentMistakes */
export function readYaml(text: string): Source {
  const lines = new LineCounter();
  const { tokens, hasAliases } = tokensOfYaml(text, lines);
  const document = compose(tokens, text.length, lines);
  const anchors = new Map<string, Node>();
  refuse(checkNodes(document, anchors, lines));
  return { value: valueOf(document), format: 'yaml', locate: placesIn(document, anchors, lines), hasAliases };
}

const positionAt = (lines: LineCounter, offset: number): Position => {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
};

/** Reads piece by piece, so that depth and aliases are bounded before anything is built that needs stack or memory. */
function tokensOfYaml(text: string, lines: LineCounter): { tokens: CST.Token[]; hasAliases: boolean } {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  let aliases = 0;
  let before = '';
  for (const piece of new Lexer().lex(text)) {
    for (const token of parser.next(piece)) tokens.push(token);
    const position = (): Position => positionAt(lines, parser.offset - piece.length);
    if (parser.stack.length > MAX_STACK)
      throw mistake('tooDeep', `Nest at most ${MAX_DEPTH} levels.`, { position: position() });
    if (piece.startsWith('*') && before !== SCALAR_FOLLOWS && ++aliases > MAX_ALIASES)
      throw mistake('tooManyAliases', `Use at most ${MAX_ALIASES} aliases (*name).`, {
        position: position(),
      });
    before = piece;
  }
  for (const token of parser.end()) tokens.push(token);
  return { tokens, hasAliases: aliases > 0 };
}

function compose(tokens: CST.Token[], length: number, lines: LineCounter): Document.Parsed {
  // `uniqueKeys` compares each key with each: checkNodes does it in one pass, by the names that JSON has.
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    merge: true,
    resolveKnownTags: false,
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lines,
  });
  const [document, ...more] = composer.compose(tokens, true, length);
  const second = more[0];
  if (!document) throw mistake('empty', 'Send a document: the text is empty.');
  const faults = [...document.errors, ...document.warnings];
  refuse(
    faults.map(({ message, pos }) => ({
      rule: 'syntax',
      message: `Correct the YAML: ${sentence(message)}.`,
      position: positionAt(lines, pos[0]),
    })),
  );
  if (second)
    throw mistake('syntax', 'Send one document: a second one begins here.', {
      position: positionAt(lines, second.range[0]),
    });
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null))
    throw mistake('empty', 'Send a document: the text is empty.');
  return document;
}

/** The library's message on one line, without the rest of the text, which it quotes. What it says that should be has to be. */
function sentence(message: string): string {
  const text = message
    .replace(/\s+/g, ' ')
    .replace(/\.$/, '')
    .replace(/\bshould\b/g, 'must');
  return text.charAt(0).toLowerCase() + (text.length > 200 ? `${text.slice(1, 200)}…` : text.slice(1));
}

/** The name that a key has in JSON; undefined for a list, an object or nothing. */
function nameOf(key: unknown): string | undefined {
  if (!isScalar(key) || key.value === null) return undefined;
  const value: unknown = key.value;
  if (typeof value === 'symbol') return '<<';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const startOf = (node: unknown): number =>
  (isMap(node) || isSeq(node) || isScalar(node) || isAlias(node)) && node.range ? node.range[0] : 0;

/** What the composer lets pass: keys that are twice the same in JSON or are no text, and aliases of nothing. */
function checkNodes(document: Document, anchors: Map<string, Node>, lines: LineCounter): Mistake[] {
  const found: Mistake[] = [];
  const report = (rule: string, message: string, node: unknown): void =>
    void found.push({ rule, message, position: positionAt(lines, startOf(node)) });
  const checkPair = ({ key, value }: Pair, names: Set<string>): void => {
    const name = nameOf(key);
    if (name === undefined) report('key', 'Write a text as the key.', key);
    else if (names.has(name)) report('duplicateKey', `Remove one of the two values of ${quoted(name)}.`, key);
    else names.add(name);
    check(value);
  };
  const check = (node: unknown): void => {
    if (isAlias(node)) {
      if (!anchors.has(node.source))
        report('alias', `Set the anchor &${node.source} before you use it.`, node);
      return;
    }
    if (!isMap(node) && !isSeq(node) && !isScalar(node)) return;
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
    if (isScalar(node)) return;
    const names = new Set<string>();
    for (const item of node.items) {
      if (isPair(item)) checkPair(item, names);
      else check(item);
    }
  };
  check(document.contents);
  return found;
}

function valueOf(document: Document): unknown {
  try {
    // Aliases were counted, and what they expand to is measured by inspect().
    return document.toJS({ maxAliasCount: -1 });
  } catch (error) {
    throw error instanceof RangeError || error instanceof ReferenceError || error instanceof TypeError
      ? mistake('alias', `Correct the aliases: ${sentence(error.message)}.`)
      : error;
  }
}

const placesIn =
  (document: Document, anchors: ReadonlyMap<string, Node>, lines: LineCounter): Source['locate'] =>
  (pointers) =>
    pointers.map((pointer) => {
      let node: unknown = document.contents;
      let offset = startOf(node);
      for (const token of tokensOf(pointer)) {
        const next = childOf(node, token, anchors);
        if (!next) break;
        ({ node, offset } = next);
      }
      return positionAt(lines, offset);
    });

/** The value under a key, and where the key or the item begins. */
function childOf(
  from: unknown,
  token: string,
  anchors: ReadonlyMap<string, Node>,
  level = 0,
): { node: unknown; offset: number } | undefined {
  if (level > MAX_DEPTH) return undefined;
  const node = isAlias(from) ? anchors.get(from.source) : from;
  if (isSeq(node)) {
    const item = node.items[Number(token)];
    return item === undefined ? undefined : { node: item, offset: startOf(item) };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => nameOf(key) === token);
  if (pair) return { node: pair.value, offset: startOf(pair.key) };
  const merged = node.items.find(({ key }) => nameOf(key) === '<<')?.value;
  const sources = isSeq(merged) ? merged.items : [merged];
  for (const source of sources) {
    const found = source === undefined ? undefined : childOf(source, token, anchors, level + 1);
    if (found) return found;
  }
  return undefined;
}
