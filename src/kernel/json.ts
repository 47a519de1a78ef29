/** Reads a JSON column. The shape is the writer's promise: only this program writes these columns. */
export const parse = <T>(text: unknown): T => JSON.parse(text as string) as T;

/** What a caller's JSON has under its names; nothing where it is no object. */
export const objectOf = (value: unknown): Record<string, unknown> =>
  (value !== null && typeof value === 'object' ? value : {}) as Record<string, unknown>;
