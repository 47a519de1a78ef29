import type { IncomingMessage, RequestListener } from 'node:http';

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

/** When the time of a body that is read piece by piece began anew. */
const renewed = new WeakMap<IncomingMessage, number>();

/** Says that a piece of a body came that may go on for long. */
export const bodyGoesOn = (request: IncomingMessage): void => void renewed.set(request, Date.now());

/** @param seconds that a whole body, or the next piece of a long one, may take. */
export function slowBodies(seconds: number): SlowBodies {
  const open = new Map<IncomingMessage, number>();
  const look = setInterval(() => {
    const late = Date.now() - seconds * 1000;
    for (const [request, since] of open)
      if (!request.complete && (renewed.get(request) ?? since) < late) request.destroy();
  }, LOOK_MS);
  look.unref();
  return {
    watching: (handle) => (request, response) => {
      const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
      if ((length !== undefined && length !== '0') || encoding !== undefined) {
        open.set(request, Date.now());
        request.once('close', () => open.delete(request));
      }
      handle(request, response);
    },
    close: () => clearInterval(look),
  };
}
