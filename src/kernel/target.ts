import type { IncomingMessage } from 'node:http';

/** A request target's path, without its query. */
export function pathOf(url = ''): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/is;

/**
 * Settles where a request goes, before anything reads its address or its Host header. A target in absolute form
 * (RFC 9112, 3.2.2) becomes a path, and its authority replaces the Host header. False where the request names its host
 * twice, or in a way that cannot be read: such a request must be refused with 400 (RFC 9112, 3.2).
 */
export function settleTarget(request: IncomingMessage): boolean {
  if (hostLines(request.rawHeaders) > 1) return false;
  const { url = '' } = request;
  if (url.startsWith('/')) return true;
  const [, authority = '', rest = ''] = ABSOLUTE.exec(url) ?? [];
  if (authority === '') return url === '*';
  if (authority.includes('@')) return false;
  request.headers.host = authority;
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  return true;
}

/** Node keeps the first of several Host headers and drops the rest, so only the raw lines show them. */
function hostLines(raw: readonly string[]): number {
  let lines = 0;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') lines += 1;
  }
  return lines;
}
