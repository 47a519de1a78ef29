import type { ServerResponse } from 'node:http';

const WORK = Symbol('what to do when it has closed');

type Listener = (error: null, response: ServerResponse) => void;

interface Closing extends ServerResponse {
  [WORK]?: () => void;
  /** Where `on-finished`, by which Koa waits for the end of a response, looks for a listener that is there already. */
  __onFinished?: { queue: Pick<Listener[], 'push'> };
}

/** Not written where it is assigned: V8 makes a function that is assigned to a property among its old objects. */
const inTurn = (first: () => void, second: () => void) => (): void => {
  first();
  second();
};

/** In place of the work of a response that has closed. Node's own mark is not set where an answer never got its turn. */
const over = (): void => undefined;

/** In place of the queue of a response that has closed: what Koa opens for it after that is closed again at once. */
const atOnce = (response: ServerResponse): Pick<Listener[], 'push'> => ({
  push(...listeners) {
    for (const listener of listeners) listener(null, response);
    return 0;
  },
});

/**
 * Does `work` once a response is out or its connection has closed; at once where that is so already. All who wait for it share
 * one listener, Koa included: for a second one Node makes an array, V8 may come to make such arrays among its old objects, and
 * then each of them keeps its request until the next full collection (docs/performance.md, Devices).
 */
export function whenClosed(response: ServerResponse, work: () => void): void {
  const closing = response as Closing;
  const before = closing[WORK];
  if (before === over) return work();
  closing[WORK] = before ? inTurn(before, work) : work;
  if (before) return;
  const queue: Listener[] = [];
  closing.__onFinished = { queue };
  closing.on('close', () => {
    const all = closing[WORK];
    closing[WORK] = over;
    closing.__onFinished = { queue: atOnce(closing) };
    all?.();
    for (const listener of queue) listener(null, closing);
  });
}
