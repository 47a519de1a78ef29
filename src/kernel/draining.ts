import type { RequestListener, Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { outsideRequests } from './outside-requests.js';
import type { Pipelines } from './pipelines.js';

/** How a server ends without cutting off a request. */
export interface Draining {
  /** Takes part in watching every request that the handler gets. */
  watching(handle: RequestListener): RequestListener;
  /** Whether the end has begun. */
  begun(): boolean;
  /**
   * From now on each connection closes with one answer. The port stays open for `delayMs`, so that a load balancer that asks
   * `/readyz` can go elsewhere first, and then closes. Connections that are open go on until none of them has had a request
   * for a moment. All that is after the delay has `restMs`.
   */
  drain(server: Server, delayMs: number, restMs: number): Promise<void>;
}

const LOOK_MS = 50;
/** Without a request for so long on any connection, none is taken to be on its way. */
const QUIET_MS = 300;
/** So long requests may be held for the port to close. */
const HELD_MS = 2000;

/** So many looks for events that found no new connection, one right after the other, are taken for the moment. */
const QUIET_TURNS = 3;
const QUIET_TURN_MS = 0.5;
/** So long no new connection comes where clients wait for answers before they come again: all of them are held by then. */
const SETTLED_MS = 25;
/** After so long clients are taken to come at their own pace, and the moment after one of them is taken. */
const SETTLING_MS = 200;

const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Whether the next turns of the event loop are quick ones that accept no connection. */
async function quietTurns(connections: () => number, mostMs: number): Promise<boolean> {
  for (let turns = 0; turns < QUIET_TURNS; turns++) {
    const [before, began] = [connections(), performance.now()];
    await new Promise((resolve) => setImmediate(resolve));
    if (connections() !== before || performance.now() - began > mostMs) return false;
  }
  return true;
}

/**
 * Resolves when no connection waits to be accepted, or after `mostMs`. Closing a port resets the connections that the
 * system has made and the process has not accepted yet; libuv accepts one in each turn of the event loop. The longer it
 * takes, the longer a turn may be: some work takes 5 ms of each.
 */
async function nothingWaits(server: Server, mostMs: number): Promise<void> {
  const started = performance.now();
  let [connections, last] = [0, started];
  const onConnection = (): void => {
    connections += 1;
    last = performance.now();
  };
  server.on('connection', onConnection);
  for (let waited = 0; waited < mostMs; waited = performance.now() - started) {
    const early = Math.min(last + SETTLED_MS, started + SETTLING_MS) - performance.now();
    if (early > 0) await wait(early);
    else if (await quietTurns(() => connections, QUIET_TURN_MS + waited / 100)) break;
  }
  server.off('connection', onConnection);
}

export function openDraining(pipelines: Pick<Pipelines, 'end' | 'quietFor'>): Draining {
  let begun = false;
  /** Requests that wait for the port to close. */
  let held: (() => void)[] | undefined;

  /**
   * A client without a load balancer asks again on a new connection as soon as it has an answer, so a new one would always wait.
   * Without an answer it does not: requests are held until nothing waits, and served when the port has closed.
   */
  async function closePort(server: Server): Promise<void> {
    held = [];
    await nothingWaits(server, HELD_MS);
    NetServer.prototype.close.call(server); // the one of HTTP would also cut off answers that are not read to their end
    for (const begin of held.splice(0)) outsideRequests(begin);
    held = undefined;
  }

  return {
    watching: (handle) => (request, response) => {
      if (!held) return handle(request, response);
      held.push(() => {
        if (!request.socket.destroyed) handle(request, response);
      });
    },
    begun: () => begun,
    async drain(server, delayMs, restMs) {
      begun = true;
      pipelines.end();
      if (delayMs > 0) await wait(delayMs);
      const closed = new Promise<void>((resolve) => server.once('close', resolve));
      const deadline = setTimeout(() => server.closeAllConnections(), restMs);
      await closePort(server);
      const idle = setInterval(() => {
        if (pipelines.quietFor() >= QUIET_MS) server.closeIdleConnections();
      }, LOOK_MS);
      await closed;
      clearInterval(idle);
      clearTimeout(deadline);
      server.close(); // what HTTP has of its own: the interval that looks at the time of headers
    },
  };
}
