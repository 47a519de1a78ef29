import { Worker } from 'node:worker_threads';
import type { Store } from '../../src/store/index.js';

type Post = typeof Worker.prototype.postMessage;

/** Hears each order to SQLite's thread before it is sent, until `stop`. */
export function hearOrders(heard: (worker: Worker, order: Record<string, unknown>) => void): {
  stop(): void;
} {
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (this: Worker, ...message: Parameters<Post>) {
    const { order } = message[0] as { order?: Record<string, unknown> };
    if (order) heard(this, order);
    return postMessage.apply(this, message);
  };
  return { stop: () => (Worker.prototype.postMessage = postMessage) };
}

/** Ends the thread in which SQLite works, as being out of memory would. */
export async function endThread(store: Store): Promise<void> {
  let thread: Worker | undefined;
  const orders = hearOrders((worker) => (thread = worker));
  try {
    await store.largeTransaction((trx) => trx.raw('SELECT 1'));
  } finally {
    orders.stop();
  }
  await thread?.terminate();
}
