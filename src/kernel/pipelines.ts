import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { outsideRequests } from './outside-requests.js';
import { whenClosed } from './when-closed.js';

/** Answers of a connection that its client has not read; another request of it begins when they are below this. */
const MOST_UNREAD_BYTES = 64 * 1024;

/** How often it is looked for answers that are unread. */
const LOOK_MS = 1000;

/** What a connection that closes has for its client to close its side, while what the client has sent is read and let go. */
const CLOSE_MS = 1000;

interface Asked {
  request: IncomingMessage;
  response: ServerResponse;
}

/** What one connection asks and is answered. Clients may send requests before they have the answers (RFC 9112, 9.3.2). */
interface Line {
  socket: Socket;
  open: ServerResponse[];
  waiting: Asked[];
  /** The answer that closes the connection is out. */
  over: boolean;
  /** Requests that came behind the answer that closes the connection. */
  behind: number;
  /** It has a timer, because an answer is unread. */
  timed: boolean;
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
  /**
   * From now on each connection closes with one answer: with that to the newest request that has begun, or with the next one
   * where the headers of that are out. Requests behind it are not begun: their client may send them again (RFC 9112, 9.6).
   */
  end(): void;
  /** For how many milliseconds no answer has been open on any connection since `end`. */
  quietFor(): number;
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
  // Places that are used again, not a Set: see slow-bodies.ts.
  const lines: (Line | undefined)[] = [];
  const free: number[] = [];
  let ending = false;
  /** When a request last began, or its answer was out, while it ends. */
  let usedAt = 0;

  function openLine(socket: Socket): Line {
    const line: Line = { socket, open: [], waiting: [], over: false, behind: 0, timed: false };
    const place = free.pop() ?? lines.length;
    lines[place] = line;
    followSocket(line, most);
    socket.on('close', () => {
      lines[place] = undefined;
      free.push(place);
    });
    return line;
  }

  /** Reads a request on which nothing is done, so that the connection is closed with nothing unread. */
  function letGo(line: Line, { request }: Asked): void {
    if (line.behind === 0) closeInStages(request.socket);
    line.behind += 1;
    request.resume();
    if (line.behind >= most) request.socket.pause();
  }

  function letWaitingGo(line: Line): void {
    for (const asked of line.waiting.splice(0)) letGo(line, asked);
  }

  function mayBegin({ open, socket }: Line): boolean {
    if (open.length === 0) return true;
    if (open.length >= most || socket.writableLength >= MOST_UNREAD_BYTES) return false;
    let unread = 0;
    for (const response of open) unread += response.writableLength;
    return unread < MOST_UNREAD_BYTES;
  }

  return {
    bounding: (handle) => {
      function begin(line: Line, { request, response }: Asked): void {
        if (ending) {
          response.shouldKeepAlive = false;
          usedAt = performance.now();
        }
        line.open.push(response);
        whenClosed(response, () => {
          const at = line.open.indexOf(response);
          if (at !== -1) line.open.splice(at, 1);
          if (!response.shouldKeepAlive) line.over = true;
          if (ending) usedAt = performance.now();
          if (line.waiting.length > 0) beginWaiting(line);
        });
        handle(request, response);
      }

      function beginWaiting(line: Line): void {
        while (line.waiting.length > 0 && !line.socket.destroyed && !closes(line) && mayBegin(line)) {
          const asked = line.waiting.shift() as Asked;
          outsideRequests(() => begin(line, asked)); // it is the end of another that brought us here
        }
        if (closes(line)) letWaitingGo(line);
        if (line.waiting.length === 0) line.socket.resume();
      }

      return (request, response) => {
        const socket = request.socket as Carrier;
        const line = (socket[LINE] ??= openLine(socket));
        const asked = { request, response };
        if (closes(line)) return letGo(line, asked);
        if (line.waiting.length === 0 && mayBegin(line)) return begin(line, asked);
        line.waiting.push(asked);
        socket.pause();
      };
    },
    watch(server) {
      // Only a connection that has an answer unread gets a timer: `server.timeout` would give one to each request.
      const look = setInterval(() => {
        for (const line of lines) {
          if (!line) continue;
          const unread = line.open.length > 0 && line.socket.writableLength > 0;
          if (unread && !line.timed) line.socket.setTimeout(seconds * 1000);
          line.timed = unread;
        }
      }, LOOK_MS);
      look.unref();
      server.on('close', () => clearInterval(look));
      server.on('timeout', (socket: Carrier) => {
        const open = socket[LINE]?.open ?? [];
        // Nothing to read: the answer is still being worked on.
        if (open.length > 0 && socket.writableLength === 0) return;
        for (const response of open) tooSlow(response);
        socket.destroy();
      });
    },
    end() {
      ending = true;
      usedAt = performance.now();
      for (const line of lines) {
        const newest = line?.open.at(-1);
        if (!line || !newest || newest.headersSent) continue;
        newest.shouldKeepAlive = false;
        letWaitingGo(line);
      }
    },
    quietFor: () => (lines.some((line) => line && line.open.length > 0) ? 0 : performance.now() - usedAt),
  };
}

/** Whether an answer closes the connection, so that none behind it can reach the client. */
const closes = ({ open, over }: Line): boolean => over || open.at(-1)?.shouldKeepAlive === false;

/**
 * Node calls `destroySoon` when the last answer is out. A system that closes a connection on which something has come that was
 * not read resets it, and its client may lose the answers that it has not read yet. So first only the server's side is closed.
 */
function closeInStages(socket: Socket): void {
  socket.destroySoon = () => {
    socket.end();
    const late = setTimeout(() => socket.destroy(), CLOSE_MS);
    socket.once('close', () => clearTimeout(late));
  };
}

/**
 * Node reads a connection again when its client has taken an answer. While requests wait, it must not: no more wait than stand
 * in one piece that Node has read (64 KiB, some 2,600 requests at most).
 *
 * Node tells only the answer that is being sent that its connection has closed. Those that stand behind it would stay open
 * for good, and so would all that is counted until they close.
 */
function followSocket(line: Line, most: number): void {
  const { socket } = line;
  socket.on('resume', () => {
    if (line.waiting.length > 0 || line.behind >= most) socket.pause();
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
}
