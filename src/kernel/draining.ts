import type { RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { whenClosed } from './when-closed.js';

/** How a server ends without cutting off a request that came on an open connection. */
export interface Draining {
  /** Takes part in watching every request that the handler gets. */
  watching(handle: RequestListener): RequestListener;
  /** Whether the end has begun. */
  begun(): boolean;
  /**
   * From now on each answer closes its connection. The port stays open for `delayMs`, so that a load balancer that asks
   * `/readyz` can go elsewhere first, and after that until connections from before are quiet: closing the port
   * closes idle connections, and resets those on which a request is on its way. Both, and requests under way, have `restMs`.
   */
  drain(server: Server, delayMs: number, restMs: number): Promise<void>;
}

const LOOK_MS = 50;
/** No request for so long on any connection from before the end, and none is taken to be on its way. */
const QUIET_MS = 300;
const QUIET_LOOK_MS = 10;

const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** So many looks for events that found no new connection, one right after the other, are taken for the moment. */
const QUIET_TURNS = 3;
const QUIET_TURN_MS = 0.5;

/**
 * Resolves when no connection waits to be accepted, or after `mostMs`. Closing a port resets the connections that the
 * system has made and the process has not accepted yet; libuv accepts one in each turn of the event loop.
 */
async function nothingWaits(server: Server, mostMs: number): Promise<void> {
  let connections = 0;
  const onConnection = (): void => void (connections += 1);
  server.on('connection', onConnection);
  const until = performance.now() + mostMs;
  for (let quiet = 0, began = performance.now(); quiet < QUIET_TURNS && began < until;) {
    const before = connections;
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    quiet = connections === before && now - began < QUIET_TURN_MS ? quiet + 1 : 0;
    began = now;
  }
  server.off('connection', onConnection);
}

const hasConnections = (server: Server): Promise<boolean> =>
  new Promise((resolve) => server.getConnections((error, count) => resolve(!error && count > 0)));

export function openDraining(): Draining {
  // Places that are used again, not a Set: see slow-bodies.ts.
  const places: (ServerResponse | undefined)[] = [];
  const free: number[] = [];
  let begun = false;
  /** Connections that came after the end began: each has one answer, which closes it. */
  const late = new WeakSet<Socket>();
  /** When a connection from before had a request. */
  let heard = 0;

  /** Resolves when no connection from before is in use any more, or after `mostMs`. */
  async function quiet(server: Server, mostMs: number): Promise<void> {
    const until = performance.now() + mostMs;
    for (let now = 0; now < Math.min(until, heard + QUIET_MS); now = performance.now()) {
      if (!(await hasConnections(server))) return;
      await wait(QUIET_LOOK_MS);
    }
  }

  return {
    watching: (handle) => (request, response) => {
      if (begun) {
        response.shouldKeepAlive = false;
        if (!late.has(request.socket)) heard = performance.now();
      } else {
        const place = free.pop() ?? places.length;
        places[place] = response;
        whenClosed(response, () => {
          places[place] = undefined;
          free.push(place);
        });
      }
      handle(request, response);
    },
    begun: () => begun,
    async drain(server, delayMs, restMs) {
      begun = true;
      heard = performance.now();
      server.on('connection', (socket: Socket) => late.add(socket));
      for (const response of places) if (response) response.shouldKeepAlive = false;
      if (delayMs > 0) await wait(delayMs);
      const until = performance.now() + restMs;
      await quiet(server, restMs / 2);
      await nothingWaits(server, restMs / 2);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // A kept-alive connection whose answer was under way before would stay open for the next request.
      const idle = setInterval(() => server.closeIdleConnections(), LOOK_MS);
      const deadline = setTimeout(() => server.closeAllConnections(), Math.max(0, until - performance.now()));
      await closed;
      clearInterval(idle);
      clearTimeout(deadline);
    },
  };
}
