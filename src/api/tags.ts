import { label } from './shapes.js';

export const MOST_TAGS = 50;
export const LONGEST_TAG = 50;

/** Tags in the body of an operation; null is none. */
export const TAGS = {
  type: ['array', 'string', 'null'],
  maxItems: MOST_TAGS,
  uniqueItems: true,
  items: label(LONGEST_TAG),
  // A text: so many pieces of that length between commas, of one line.
  pattern: `^(?=[^\\p{Cc}\\p{Cs}\\u202A-\\u202E\\u2066-\\u2069]*$)[^,，]{0,${LONGEST_TAG}}(?:[,，][^,，]{0,${LONGEST_TAG}}){0,${MOST_TAGS - 1}}$`,
  description: `List of up to ${MOST_TAGS} texts of up to ${LONGEST_TAG} characters. A text with commas is taken as well.`,
} as const;

/** Tags as a list, of which a text with commas is another way to write it. */
export function tagsOf(tags: readonly string[] | string | null): string[] {
  const given = typeof tags === 'string' ? tags.split(/[,，]/) : (tags ?? []);
  return [...new Set(given.map((tag) => tag.trim()).filter((tag) => tag !== ''))];
}
