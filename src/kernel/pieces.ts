import type { IncomingMessage } from 'node:http';

/**
 * The pieces of a request's body, as they come. Where their reader stops early, what is left is read and dropped, and the
 * connection serves its next request. With the request's own iterator, which lets go of the connection, none of it would come.
 */
export async function* piecesOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } finally {
    request.resume();
  }
}
