/** Pieces of the schemas of steps. */

export const DAY = 86_400;

export const HEADER_NAME = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";

/** An object that is a step. */
export const step = <const R extends readonly string[], const P extends Record<string, object>>(
  text: { title: string; description: string; examples: readonly unknown[] },
  required: R,
  properties: P,
) => ({ ...text, type: 'object', additionalProperties: false, required, properties }) as const;

export const whole = <
  const D extends { minimum: number; maximum: number; description: string; default?: number },
>(
  details: D,
) => ({ type: 'integer', ...details }) as const;
