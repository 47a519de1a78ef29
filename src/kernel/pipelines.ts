import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { outsideRequests } from './outside-requests.js';
import { whenClosed } from './when-closed.js';

/** Answers of a connection that its client has not read; another request of it begins when they are below this. */
const MOST_UNREAD_BYTES = 64 * 1024;

/** What one connection asks and is answered. Clients may send requests before they have the answers (RFC 9112, 9.3.2). */
interface Line {
  open: ServerResponse[];
  waiting: { request: IncomingMessage; response: ServerResponse }[];
}

const LINE = Symbol('requests of a connection');

interface Carrier extends Socket {
  [LINE]?: Line;
}

export interface Pipelines {
  /** Begins as many requests of each connection as may be worked on; the others wait, and the connection is not read. */
  bounding(handle: RequestListener): RequestListener;
  /** Ends connections whose client does not read its answers. */
  watch(server: Server): void;
}

/**
 * Bounds what one connection can make the process hold. Node begins every request that stands in the piece that it has
 * read, and keeps each answer until the client reads it.
 * @param most requests of one connection that are worked on at once.
 * @param seconds that a client may take to read some of its answer.
 * @param tooSlow told of each answer that was not read in time.
 */
export function openPipelines(
  { most, seconds }: { most: number; seconds: number },
  tooSlow: (response: ServerResponse) => void,
): Pipelines {
  function mayBegin({ open }: Line, { writableLength }: Socket): boolean {
    if (open.length === 0) return true;
    if (open.length >= most || writableLength >= MOST_UNREAD_BYTES) return false;
    let unread = 0;
    for (const response of open) unread += response.writableLength;
    return unread < MOST_UNREAD_BYTES;
  }

  return {
    bounding: (handle) => {
      function begin(line: Line, request: IncomingMessage, response: ServerResponse): void {
        line.open.push(response);
        whenClosed(response, () => {
          const at = line.open.indexOf(response);
          if (at !== -1) line.open.splice(at, 1);
          if (line.waiting.length > 0) beginWaiting(line, request.socket);
        });
        handle(request, response);
      }

      function beginWaiting(line: Line, socket: Socket): void {
        while (line.waiting.length > 0 && !socket.destroyed && mayBegin(line, socket)) {
          const { request, response } = line.waiting.shift() as Line['waiting'][number];
          outsideRequests(() => begin(line, request, response)); // it is the end of another that brought us here
        }
        if (line.waiting.length === 0) socket.resume();
      }

      return (request, response) => {
        const socket = request.socket as Carrier;
        const line = (socket[LINE] ??= openLine(socket));
        if (line.waiting.length === 0 && mayBegin(line, socket)) return begin(line, request, response);
        line.waiting.push({ request, response });
        socket.pause();
      };
    },
    watch(server) {
      server.timeout = seconds * 1000;
      server.on('timeout', (socket: Carrier) => {
        const open = socket[LINE]?.open ?? [];
        // Nothing to read: the answer is still being worked on.
        if (open.length > 0 && socket.writableLength === 0) return;
        for (const response of open) tooSlow(response);
        socket.destroy();
      });
    },
  };
}

/**
 * Node reads a connection again when its client has taken an answer. While requests wait, it must not: no more wait than stand
 * in one piece that Node has read (64 KiB, some 2,600 requests at most).
 *
 * Node tells only the answer that is being sent that its connection has closed. Those that stand behind it would stay open
 * for good, and so would all that is counted until they close.
 */
function openLine(socket: Socket): Line {
  const line: Line = { open: [], waiting: [] };
  socket.on('resume', () => {
    if (line.waiting.length > 0) socket.pause();
  });
  socket.on('close', () => {
    line.waiting = [];
    process.nextTick(() => {
      for (const response of [...line.open])
        if (!response.closed) {
          response.destroy();
          response.emit('close');
        }
    });
  });
  return line;
}
