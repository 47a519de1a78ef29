import { DROPPED, SENT } from './authorize.js';

/**
 * Pieces of an nginx configuration. What comes from a tenant's data is either of few characters, and checked here, or stands in
 * quotes in which nothing of it is read as configuration.
 */

/** So long a word of a configuration may be: nginx refuses 4,096 bytes. */
const LONGEST_VALUE = 1000;

/** A value on one line. */
const PRINTABLE = /^[^\p{Cc}\p{Cs}]*$/u;

const HEADER_NAME = /^[A-Za-z0-9-]{1,100}$/;

/** Whether a header's value can stand in a configuration. */
export const isQuotable = (value: string): boolean =>
  PRINTABLE.test(value) && Buffer.byteLength(value) <= LONGEST_VALUE;

/**
 * A value in quotes. In quotes nginx reads `\`, `"` and, where variables are allowed, `$`, which it has no escape for: a variable
 * whose value is that sign stands in its place.
 * @param dollar the name of that variable.
 */
export const quoted = (value: string, dollar: string): string =>
  `"${value.replace(/[\\"]/g, '\\$&').replaceAll('$', () => `\${${dollar}}`)}"`;

const RESERVED = new Set([...SENT, ...DROPPED].map((name) => name.toLowerCase()));

/** Whether a policy's header can be set towards the backend. */
export const isSettable = (name: string): boolean => {
  const key = name.toLowerCase();
  if (!HEADER_NAME.test(name) || RESERVED.has(key)) return false;
  return !/^(?:gatehouse-.*|x-forwarded-.*|host|connection|content-length|expect|keep-alive|te|transfer-encoding|upgrade)$/.test(
    key,
  );
};

/** Whether a policy's header can be set towards the caller: nginx writes some itself. */
export const isAnswerable = (name: string): boolean =>
  HEADER_NAME.test(name) &&
  !/^(?:content-(?:type|length|encoding)|connection|date|keep-alive|last-modified|location|server|te|trailer|transfer-encoding|upgrade|x-accel-.*)$/i.test(
    name,
  );

/** A host that nginx reads as one word, wherever it stands. */
export const isPlainHost = (host: string): boolean =>
  /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])$/.test(host);

/** A block with its lines indented. */
export const block = (head: string, lines: readonly string[]): string[] => [
  `${head} {`,
  ...lines.map((line) => (line === '' ? '' : `  ${line}`)),
  '}',
];
