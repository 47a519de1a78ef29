/** Texts of a document in generated code. A document is not trusted: no text of it may end a comment or a literal. */

const LONGEST_COMMENT = 200;
/** Control and half characters, line separators, and characters that turn the direction of text. */
const UNSEEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu;

/** A text on one line that can stand in a comment of any kind. */
export const inComment = (text: unknown): string =>
  typeof text === 'string'
    ? text
        .replace(UNSEEN, ' ')
        .trim()
        .slice(0, LONGEST_COMMENT)
        .replaceAll('*/', '* /')
        .replaceAll('</', '< /')
    : '';

/** A value as a literal of JavaScript: JSON, without the characters that end a line for some readers. */
export const literal = (value: unknown, indent?: number): string =>
  JSON.stringify(value, undefined, indent)
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')
    .replaceAll('</', '<\\/');

/** A text in Markdown, without meaning. */
export const inMarkdown = (text: unknown): string =>
  inComment(text).replace(/[\\`*_{}[\]<>()#+.!|&~-]/g, '\\$&');
