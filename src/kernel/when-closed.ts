import type { ServerResponse } from 'node:http';

const WORK = Symbol('what to do when it has closed');

type Listener = (error: null, response: ServerResponse) => void;

interface Closing extends ServerResponse {
  [WORK]?: () => void;
  /** Where `on-finished`, by which Koa waits for the end of a response, looks for a listener that is there already. */
  __onFinished?: { queue: Listener[] };
}

/** Not written where it is assigned: V8 makes a function that is assigned to a property among its old objects. */
const inTurn = (first: () => void, second: () => void) => (): void => {
  first();
  second();
};

/**
 * Does `work` once a response is out or its connection has closed. All who wait for that share one listener, Koa included:
 * for a second one Node makes an array, V8 may come to make such arrays among its old objects, and then each of them keeps
 * its request until the next full collection (docs/performance.md, Devices).
 */
export function whenClosed(response: ServerResponse, work: () => void): void {
  const closing = response as Closing;
  const before = closing[WORK];
  closing[WORK] = before ? inTurn(before, work) : work;
  if (before) return;
  const finished: Closing['__onFinished'] = { queue: [] };
  closing.__onFinished = finished;
  closing.on('close', () => {
    closing[WORK]?.();
    for (const listener of finished.queue) listener(null, closing);
  });
}
