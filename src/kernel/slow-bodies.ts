import type { IncomingMessage, RequestListener } from 'node:http';
import { hasBody } from './request.js';
import { whenRead } from './turn-phases.js';

/**
 * Ends requests whose body takes too long. Node's own limit counts from the beginning and knows no exception; here a body that is
 * read line by line, for as long as there are lines, has the time anew with each piece that comes.
 */
export interface SlowBodies {
  /** Takes part in watching every request that the handler gets. */
  watching(handle: RequestListener): RequestListener;
  close(): void;
}

const LOOK_MS = 1000;

interface Watched {
  request: IncomingMessage;
  /** When it came, in epoch milliseconds. */
  since: number;
}

/** When the time of a body that is read piece by piece began anew. */
const renewed = new WeakMap<IncomingMessage, number>();

/** Says that a piece of a body came that may go on for long. */
export const bodyGoesOn = (request: IncomingMessage): void => void renewed.set(request, Date.now());

/**
 * @param seconds that a whole body, or the next piece of a long one, may take.
 * @param isFree whether a request's body has no such limit here.
 */
export function slowBodies(
  seconds: number,
  isFree: (request: IncomingMessage) => boolean = () => false,
): SlowBodies {
  // Places that are used again. A Map makes itself a new table every few requests, and once it is old V8 takes for alive
  // what the tables before held: all of these requests, until the next full collection (docs/performance.md).
  const places: (Watched | undefined)[] = [];
  const free: number[] = [];
  const look = setInterval(() => {
    const late = Date.now() - seconds * 1000;
    for (const watched of places)
      if (watched && !watched.request.complete && (renewed.get(watched.request) ?? watched.since) < late)
        watched.request.destroy();
  }, LOOK_MS);
  look.unref();

  function watch(request: IncomingMessage): void {
    if (request.complete || request.destroyed) return;
    const place = free.pop() ?? places.length;
    places[place] = { request, since: Date.now() };
    request.on('close', () => {
      places[place] = undefined;
      free.push(place);
    });
  }

  return {
    watching: (handle) => (request, response) => {
      // Most bodies come with their headers, and there is nothing to watch once these are read.
      if (hasBody(request) && !isFree(request)) whenRead(() => watch(request));
      handle(request, response);
    },
    close: () => clearInterval(look),
  };
}
