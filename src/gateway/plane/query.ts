/**
 * Changes to a query that leave all other bytes as they were sent. Names are compared decoded, as backends read them
 * (application/x-www-form-urlencoded), so that another spelling of a name is the same name.
 */

const isPlain = (text: string): boolean => !text.includes('%') && !text.includes('+');

function decode(text: string): string {
  if (isPlain(text)) return text;
  // URLSearchParams never throws: what is no percent-encoding stays as it is.
  return new URLSearchParams(`x=${text}`).get('x') ?? text;
}

/** Whether a part has a name. Decoding makes no text longer, so what is shorter is not decoded: a query can have 4,000 parts. */
function isNamed(part: string, name: string): boolean {
  const at = part.indexOf('=');
  const written = at === -1 ? part : part.slice(0, at);
  return written.length >= name.length && decode(written) === name;
}

/** Whether the query may have a parameter of this name, without looking at each part. */
const mayHave = (query: string, name: string): boolean =>
  query.includes('%') || query.includes('+') || query.includes(name);

/** The decoded values of a parameter, in their order. */
export function valuesOf(query: string | undefined, name: string): string[] {
  if (query === undefined || !mayHave(query, name)) return [];
  const values: string[] = [];
  for (const part of query.split('&')) {
    if (!isNamed(part, name)) continue;
    const at = part.indexOf('=');
    values.push(at === -1 ? '' : decode(part.slice(at + 1)));
  }
  return values;
}

/** The query without a parameter; undefined where nothing is left of it. */
export function without(query: string | undefined, name: string): string | undefined {
  if (query === undefined || !mayHave(query, name)) return query;
  const parts = query.split('&');
  const left = parts.filter((part) => !isNamed(part, name));
  if (left.length === parts.length) return query;
  return left.length === 0 ? undefined : left.join('&');
}

/** The query with one value of a parameter, in place of the first one of its name or at the end. */
export function withValue(query: string | undefined, name: string, value: string): string {
  const set = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
  if (query === undefined || query === '') return set;
  let done = false;
  const parts: string[] = [];
  for (const part of query.split('&')) {
    if (!isNamed(part, name)) parts.push(part);
    else if (!done) {
      parts.push(set);
      done = true;
    }
  }
  if (!done) parts.push(set);
  return parts.join('&');
}
