/** Reads a JSON column. The shape is the writer's promise: only this program writes these columns. */
export const parse = <T>(text: unknown): T => JSON.parse(text as string) as T;
