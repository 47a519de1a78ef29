import type { Socket } from 'node:net';

/** undici's code for a connection that is lost: it makes another one for the requests that wait. */
const LOST = 'UND_ERR_SOCKET';

class ConnectionReset extends Error {
  override name = 'ConnectionReset';
  readonly code = LOST;
  constructor() {
    super('the connection was reset');
  }
}

/**
 * Makes undici see the end of a connection for what it is. Three things go wrong otherwise with an answer that ends where its
 * connection does (RFC 9112, 6.3), so that a caller takes a part of it for the whole, or the process ends:
 *
 * - libuv reports a reset as an ordinary end where bytes came together with it. The peer of such a connection is gone.
 * - undici takes a reset for the end, as some systems report one after a whole answer.
 * - undici fails an assertion that nobody catches where the end comes while the reading of the answer is paused. So the end is
 *   held back until all that came before it is read.
 *
 * Call it before undici listens to the connection.
 */
export function settleEnd(socket: Socket): void {
  const [push, read, unshift] = [socket.push, socket.read, socket.unshift];
  let isPaused = false;
  let end: 'none' | 'closed' | 'reset' = 'none';
  const endIfRead = (): void => {
    if (end === 'none' || isPaused || socket.readableLength > 0 || socket.destroyed) return;
    if (end === 'reset') return void socket.destroy(new ConnectionReset());
    end = 'none';
    push.call(socket, null);
    read.call(socket, 0);
  };
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = LOST;
  });
  // undici gives back what it has not read when it pauses, and reads when it goes on.
  socket.unshift = (chunk, encoding) => {
    isPaused = true;
    unshift.call(socket, chunk, encoding);
  };
  socket.read = (size) => {
    if (size !== 0) {
      isPaused = false;
      if (end !== 'none') process.nextTick(endIfRead);
    }
    return read.call(socket, size) as unknown;
  };
  socket.push = (chunk, encoding) => {
    if (chunk !== null) return push.call(socket, chunk, encoding);
    // The system has forgotten the peer of a connection that was reset. Node keeps the address once it was asked for it.
    end = socket.remoteAddress === undefined ? 'reset' : 'closed';
    endIfRead();
    return false;
  };
}
