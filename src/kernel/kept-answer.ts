import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** An answer that is the same for each request: made once, and sent as it is. */
export interface KeptAnswer {
  readonly pieces: readonly Buffer[];
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** @param pieces of the body; several answers may share one. */
export function keepAnswer(pieces: readonly Buffer[], headers: Record<string, string>): KeptAnswer {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  const etag = `"${hash.digest('base64url').slice(0, 22)}"`;
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return { pieces, etag, headers: { ETag: etag, 'Content-Length': String(length), ...headers } };
}

/**
 * Sends a kept answer; 304 where the caller has it (RFC 9110, 13.1.2). The pieces are not copied, so an answer that nobody
 * reads costs the process nothing but its place.
 */
export function sendKept(
  { method, headers: { 'if-none-match': known = '' } }: IncomingMessage,
  response: ServerResponse,
  { pieces, etag, headers }: KeptAnswer,
): void {
  if (known.includes(etag)) {
    const { 'Content-Length': _length, ...rest } = headers;
    response.writeHead(304, rest).end();
    return;
  }
  response.writeHead(200, headers);
  if (method !== 'HEAD') {
    response.cork();
    for (const piece of pieces) response.write(piece);
    response.uncork();
  }
  response.end();
}
