import { parentPort } from 'node:worker_threads';
import { locateParts } from './locate.js';
import type { Position } from './mistakes.js';
import { prepareText, type Prepared } from './prepare.js';

/** What the thread is sent; one after the other. With pointers, only their places in the text are asked for. */
export interface ThreadOrder {
  text: string;
  pointers?: readonly string[];
}

export interface Located {
  positions: readonly (Position | undefined)[];
}

export type ThreadAnswer = Prepared | Located | { failed: string };

/** What the thread sends: that it has started, and an answer to each order. */
export type ThreadMessage = 'ready' | ThreadAnswer;

const answerTo = async ({ text, pointers }: ThreadOrder): Promise<ThreadAnswer> =>
  pointers ? { positions: locateParts(text, pointers) } : prepareText(text);

parentPort?.on('message', (order: ThreadOrder) => {
  void answerTo(order)
    .catch((error: unknown) => ({
      failed: error instanceof Error ? (error.stack ?? error.message) : 'unknown',
    }))
    .then((answer: ThreadAnswer) => parentPort?.postMessage(answer));
});
parentPort?.postMessage('ready' satisfies ThreadMessage);
