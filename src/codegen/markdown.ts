/**
 * Text of a document in Markdown. Every character that means something to a renderer is escaped, so that a description shows as
 * it was written: no HTML, no link, no picture, no code, no table of its own.
 */

const LONGEST = 10_000;
const LONGEST_CELL = 500;

/** Control characters but line breaks, half characters, and what turns the direction of the text around it. */
const UNSEEN = /[^\P{Cc}\n]|[\p{Cs}\u202A-\u202E\u2066-\u2069\uFEFF]/gu;
const ENTITIES: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;' };
/** ASCII punctuation, which CommonMark lets a backslash escape (2.4); `:` and `@` begin links of GitHub. */
const MARKS = /[\\`*_{}[\]()#+\-.!|~$:@"'=^/<>&]/g;

const cut = (text: string, longest: number): string =>
  text.length > longest ? `${text.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '')}…` : text;

const escaped = (line: string): string => line.replace(MARKS, (mark) => ENTITIES[mark] ?? `\\${mark}`).trim();

/** What is cut off is not searched: many operations can share one text of megabytes. */
const begin = (text: string, longest: number): string => text.slice(0, 4 * longest);

const textOf = (value: unknown, longest: number): string =>
  typeof value === 'string' ? begin(value, longest).replace(/\r\n?/g, '\n').replace(UNSEEN, ' ') : '';

/** A text on one line, as it stands in a heading or a cell of a table. */
export const inline = (value: unknown, longest = LONGEST_CELL): string =>
  escaped(cut(textOf(value, longest).replace(/\s+/g, ' ').trim(), longest));

/** A text of several paragraphs; empty where there is none. */
export const paragraphs = (value: unknown): string =>
  cut(textOf(value, LONGEST), LONGEST)
    .split(/\n[ \t]*\n/)
    .map((paragraph) => paragraph.split('\n').map(escaped).filter(Boolean).join('\n'))
    .filter(Boolean)
    .join('\n\n');

/** A text of several lines without characters that are not seen. */
export const plainText = (value: string, longest: number): string => cut(textOf(value, longest), longest);

/** A fence is longer than each row of its mark within. */
const fenceFor = (text: string, least: number): string =>
  '`'.repeat(Math.max(least, ...[...text.matchAll(/`+/g)].map(([row]) => row.length + 1)));

/** Code in a block of its own. @param text of `plainText` */
export function codeBlock(text: string): string {
  const fence = fenceFor(text, 3);
  return `${fence}\n${text}\n${fence}`;
}

/** Code within a line or a cell. */
export function code(value: string): string {
  const text = cut(begin(value, LONGEST_CELL).replace(UNSEEN, ' ').replace(/\s+/g, ' ').trim(), LONGEST_CELL);
  if (text === '') return '';
  const fence = fenceFor(text, 1);
  const room = text.includes('`') ? ' ' : '';
  return `${fence}${room}${text}${room}${fence}`;
}

/**
 * A pipe ends a cell within code as well (GitHub Flavored Markdown, 4.10), unless a backslash escapes it. Some renderers take two
 * backslashes before it for one that is escaped itself.
 */
const cell = (content: string): string =>
  content.replace(/(\\*)\|/g, (pipe, { length }: string) => (length % 2 === 0 ? `\\${pipe}` : pipe));

/** A table; empty where it has no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
