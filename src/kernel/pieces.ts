import type { IncomingMessage } from 'node:http';

/**
 * The pieces of a request's body, as they come. If the reader stops early, the rest is read and dropped, so that the connection
 * can serve its next request. The request's own iterator would detach the connection, and nothing would read it any more.
 */
export async function* piecesOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } finally {
    request.resume();
  }
}
