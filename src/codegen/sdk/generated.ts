import type { Files } from '../types.js';

/** What generated code says of itself, read without running or parsing it. */

/** An operation in the code, as hey-api writes it. */
export interface GeneratedOperation {
  /** The exported function. */
  name: string;
  /** `GET /items/{id}` */
  operation: string;
  file: string;
  /** The first and last line of the function, from 1 on. */
  lines: readonly [first: number, last: number];
}

const FUNCTION = /^export const ([A-Za-z_$][\w$]*) = /;
const METHOD = /\.(get|put|post|delete|options|head|patch|trace)</;
const URL_OF = /\burl: '((?:[^'\\]|\\.)*)'/;

/** The operations that functions of the code call. */
export function operationsIn(files: Files): GeneratedOperation[] {
  const found: GeneratedOperation[] = [];
  for (const [file, text] of files) {
    if (!file.endsWith('.ts')) continue;
    const lines = text.split('\n');
    const starts = lines.flatMap((line, index) => (FUNCTION.test(line) ? [index] : []));
    starts.forEach((start, n) => {
      const end = starts[n + 1] ?? lines.length;
      const body = lines.slice(start, end).join('\n');
      const [name, method, url] = [FUNCTION, METHOD, URL_OF].map((pattern) => pattern.exec(body)?.[1]);
      if (name === undefined || method === undefined || url === undefined) return;
      const path = url.replace(/\\(.)/g, '$1');
      found.push({ name, operation: `${method.toUpperCase()} ${path}`, file, lines: [start + 1, end] });
    });
  }
  return found;
}
