import type { IncomingMessage } from 'node:http';

/** What a request's Authorization header holds. */
export type Authorization =
  | { scheme: 'bearer' | 'dpop'; token: string }
  /** There is none, or one of another scheme, which is not for the gateway. */
  | 'none'
  | 'malformed';

/** Longer tokens do not fit, with other headers, into what servers accept. They are refused before they are parsed. */
const LONGEST_TOKEN = 8192;

const NAME = 'authorization';
const SCHEME = /^(bearer|dpop)(?: |$)/i;
/** RFC 6750, 2.1: `b64token`. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** Node keeps the first of several, so they are counted where it keeps all. */
function comesOnce({ rawHeaders }: IncomingMessage): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === NAME.length && name.toLowerCase() === NAME) count += 1;
  }
  return count === 1;
}

/** Reads the one way in which a token is accepted: the header, never the query or a form (RFC 9700, 4.3.2). */
export function readAuthorization(request: IncomingMessage): Authorization {
  const { authorization } = request.headers;
  if (authorization === undefined) return 'none';
  if (!comesOnce(request)) return 'malformed';
  const scheme = SCHEME.exec(authorization)?.[1]?.toLowerCase();
  if (scheme !== 'bearer' && scheme !== 'dpop') return 'none';
  const token = authorization.slice(scheme.length).trim();
  if (token === '') return 'none';
  return token.length <= LONGEST_TOKEN && TOKEN.test(token) ? { scheme, token } : 'malformed';
}
