import { parentPort } from 'node:worker_threads';
import { prepareText, type Prepared } from './prepare.js';

/** What the thread is sent; one after the other. */
export interface ThreadOrder {
  text: string;
}

export type ThreadAnswer = Prepared | { failed: string };

/** What the thread sends: that it has started, and an answer to each order. */
export type ThreadMessage = 'ready' | ThreadAnswer;

parentPort?.on('message', ({ text }: ThreadOrder) => {
  void prepareText(text)
    .catch((error: unknown) => ({
      failed: error instanceof Error ? (error.stack ?? error.message) : 'unknown',
    }))
    .then((answer: ThreadAnswer) => parentPort?.postMessage(answer));
});
parentPort?.postMessage('ready' satisfies ThreadMessage);
