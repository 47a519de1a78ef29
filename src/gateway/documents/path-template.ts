/**
 * One segment of a document's path. A mixed one has literal texts around its templates: one more text than names, of which
 * some can be empty.
 */
export type Segment =
  | { kind: 'literal'; text: string }
  | { kind: 'template'; name: string }
  | { kind: 'mixed'; names: readonly string[]; texts: readonly string[] };

const TEMPLATE = /\{([^{}/]+)\}/g;

/** The segments of a path of a document, which begins with a slash; literal texts are decoded. */
export const parsePath = (path: string): Segment[] => path.split('/').slice(1).map(parseSegment);

function parseSegment(text: string): Segment {
  const names: string[] = [];
  const texts: string[] = [];
  let end = 0;
  for (const found of text.matchAll(TEMPLATE)) {
    texts.push(decoded(text.slice(end, found.index)));
    names.push(found[1] ?? '');
    end = found.index + found[0].length;
  }
  texts.push(decoded(text.slice(end)));
  const [name] = names;
  if (name === undefined) return { kind: 'literal', text: texts.join('') };
  if (names.length === 1 && texts.every((part) => part === '')) return { kind: 'template', name };
  return { kind: 'mixed', names, texts };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The same for two segments that match the same texts. */
export function shapeOf(segment: Segment): string {
  if (segment.kind === 'literal') return encodeURIComponent(segment.text);
  return segment.kind === 'template' ? '{}' : segment.texts.map(encodeURIComponent).join('{}');
}

/** Which of two mixed segments is tried first: from left to right, text before a template, and the longer text. */
export function compareSegments(one: Segment, other: Segment): number {
  if (one.kind !== 'mixed' || other.kind !== 'mixed') return 0;
  for (let index = 0; index < Math.max(one.texts.length, other.texts.length); index += 1) {
    const difference = (other.texts[index] ?? '').length - (one.texts[index] ?? '').length;
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Matches a decoded segment that is not empty. Each template takes one character or more and as few as can be: the first
 * place of each text is right, because a later one leaves less to what follows.
 * @returns the templates' values, or undefined. The time is linear in the segment.
 */
export function matchSegment(segment: Segment, text: string): readonly string[] | undefined {
  if (segment.kind !== 'mixed') return undefined;
  const { texts } = segment;
  const [start = ''] = texts;
  const last = texts.at(-1) ?? '';
  const end = text.length - last.length;
  if (!text.startsWith(start) || !text.endsWith(last)) return undefined;
  const values: string[] = [];
  let at = start.length;
  for (const between of texts.slice(1, -1)) {
    const next = text.indexOf(between, afterOne(text, at));
    if (next === -1 || next + between.length > end) return undefined;
    values.push(text.slice(at, next));
    at = next + between.length;
  }
  if (at >= end) return undefined;
  values.push(text.slice(at, end));
  return values;
}

/** The place behind the character at `at`, which can have two units. */
const afterOne = (text: string, at: number): number => at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
