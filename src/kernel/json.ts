/**
 * Reads a JSON column, or other text that this program wrote: the shape is the writer's promise. JSON is parsed here alone,
 * because the platform's error quotes the text, and errors come into logs.
 */
export function parse<T>(text: unknown): T {
  try {
    return JSON.parse(text as string) as T;
  } catch {
    throw new Error('a JSON column cannot be read');
  }
}

/** What a caller's JSON has under its names; nothing where it is no object. */
export const objectOf = (value: unknown): Record<string, unknown> =>
  (value !== null && typeof value === 'object' ? value : {}) as Record<string, unknown>;
