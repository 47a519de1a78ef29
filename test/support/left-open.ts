import { setTimeout as sleep } from 'node:timers/promises';

/** What keeps the process alive, by kind and how many: sockets, servers, timers, child processes. */
function openResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo())
    if (kind !== 'Immediate') counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

const PATIENCE_MS = 5000;
const LOOK_MS = 10;

/**
 * Watches what tests leave open: it would keep a process of the product alive that should end.
 * @returns what throws where there is more open than there is now, and does not close by itself.
 */
export function watchLeftOpen(): () => Promise<void> {
  const before = openResources();
  const more = (): string[] =>
    [...openResources()]
      .map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `${count} ${kind}`);
  return async () => {
    const until = performance.now() + PATIENCE_MS;
    while (more().length > 0 && performance.now() < until) await sleep(LOOK_MS);
    const left = more();
    if (left.length > 0) throw new Error(`the tests of this file left open: ${left.join(', ')}`);
  };
}
