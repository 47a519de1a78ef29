import { text } from 'node:stream/consumers';
import { parse } from '../../kernel/json.js';

/**
 * The child's side of `Tool`: waits for the order, and does it. A failure is the last line that the child writes.
 * @template Order JSON that our own server has written.
 */
export async function answerOrder<Order>(work: (order: Order) => Promise<void>): Promise<void> {
  // No document and no library has a reason to connect anywhere from here.
  for (const name of ['fetch', 'WebSocket', 'EventSource']) Reflect.deleteProperty(globalThis, name);
  const order = await text(process.stdin);
  if (order === '') return; // the server has closed
  try {
    await work(parse<Order>(order));
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : 'unknown'}\n`);
    process.exitCode = 1;
  }
}
