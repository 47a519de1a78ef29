import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasBody } from '../../kernel/request.js';

/** What a caller that is still sending has to read its answer and stop. */
const LINGER_MS = 2000;

const watched = new WeakSet<ServerResponse>();

/**
 * Closes a caller's connection when it takes nothing of an answer for a time. Call it where bytes may wait to be taken, and set
 * the socket's time back when they are.
 */
export function endStalled(response: ServerResponse, idleMs: number): void {
  const { socket } = response;
  if (!socket || socket.writableLength === 0) return;
  socket.setTimeout(idleMs);
  if (watched.has(response)) return;
  watched.add(response);
  // Before Node sets the time that an unused connection is kept.
  response.prependListener('finish', () => socket.setTimeout(0));
}

/**
 * Makes an answer the connection's last while the request's body is not read to its end. A system that closes a connection on
 * which something has come that was not read resets it, and the caller may lose the answer (RFC 9112, 9.6). So first only the
 * server's side is closed, and what still comes is read and let go.
 */
export function closeUnread(request: IncomingMessage, response: ServerResponse): void {
  // A request without a body becomes complete only after its listeners have run.
  if (request.complete || !hasBody(request)) return;
  const { socket } = request;
  response.shouldKeepAlive = false;
  socket.destroySoon = () => {
    request.resume();
    socket.end();
    const late = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(late));
  };
}
