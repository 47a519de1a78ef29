import { MAX_PATH_BYTES } from './limits.js';

const DOTS = /^\.\.?(;|$)/;

/**
 * Whether a request's path, as it was sent and without its query, can be given to a backend. Bad are more than 8 KiB,
 * percent-encoding that is not UTF-8, a NUL, and what a backend may take for `.` or `..` of RFC 3986, 5.2.4: in a segment that is
 * decoded once, also behind a slash or backslash in it, and before a `;`, where some backends cut a segment.
 */
export function checkPath(path: string): 'ok' | 'bad' {
  if (path.length > MAX_PATH_BYTES) return 'bad';
  if (!path.includes('%') && !path.includes('\\') && !path.includes('/.') && !path.startsWith('.'))
    return 'ok';
  return path.split('/').every(isGood) ? 'ok' : 'bad';
}

function isGood(segment: string): boolean {
  let text: string;
  try {
    text = decodeURIComponent(segment);
  } catch {
    return false;
  }
  return !text.includes('\0') && !text.split(/[/\\]/).some((part) => DOTS.test(part));
}
