/** Path templates of a document as regular expressions over a request's path, which is still percent-encoded. */

export interface PathPattern {
  /** The source of a regular expression with a group for each name. */
  source: string;
  names: readonly string[];
  /** Patterns are tried in the order of this text: a literal segment before a mixed one before a template. */
  order: string;
}

const TEMPLATE = /\{([^{}/]+)\}/;
const UNRESERVED = /^[A-Za-z0-9._~-]$/;

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** A character as it is sent: as it stands, or percent-encoded in upper or lower case. */
function patternOf(character: string): string {
  if (UNRESERVED.test(character)) return escaped(character);
  const encoded = [...Buffer.from(character)]
    .map((byte) => `%${byte.toString(16).padStart(2, '0')}`)
    .join('');
  const anyCase = encoded.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
  return `(?:${escaped(character)}|${anyCase})`;
}

const literalOf = (text: string): string => [...decoded(text)].map(patternOf).join('');

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function pathPattern(path: string): PathPattern {
  const names: string[] = [];
  const segments = path
    .split('/')
    .slice(1)
    .map((segment) => {
      const parts = segment.split(TEMPLATE);
      names.push(...parts.filter((_, index) => index % 2 === 1));
      const source = parts.map((part, index) => (index % 2 === 1 ? '([^/]+?)' : literalOf(part))).join('');
      return { source, kind: parts.length === 1 ? 0 : parts.join('') === parts[1] ? 2 : 1 };
    });
  return {
    source: `^/${segments.map(({ source }) => source).join('/')}$`,
    names,
    order: segments.map(({ kind, source }) => `${kind}${kind === 1 ? 99_999 - source.length : ''}`).join('/'),
  };
}
