/** Writes a document's text into Markdown: whatever it says, it stays text. */

const LONGEST = 1000;

/** Text on one line; no character in it has a meaning in Markdown, HTML, or for links that are made of plain addresses. */
export const plainText = (text: string, longest = LONGEST): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\s]+/gu, ' ')
    .trim()
    .slice(0, longest)
    .replace(/[\\`*_{}[\]()#+\-.!|<>~&:/@=]/g, '\\$&');
