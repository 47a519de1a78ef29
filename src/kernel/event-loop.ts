/** How long one turn of the event loop may work before other events get theirs. */
const BUDGET_MS = 5;

let turnBegan: number | undefined;
let waiting: (() => void)[] = [];

function endTurn(): void {
  turnBegan = undefined;
  const released = waiting;
  waiting = [];
  for (const resolve of released) resolve();
}

/** Whether this turn of the event loop has worked for its 5 ms. The first question in a turn starts its clock. */
export function turnIsOver(): boolean {
  const now = performance.now();
  if (turnBegan === undefined) {
    turnBegan = now;
    setImmediate(endTurn);
    return false;
  }
  return now - turnBegan >= BUDGET_MS;
}

/**
 * Resolves when there is time for more work: at once in a turn of the event loop that has lasted less than 5 ms, else in
 * a later turn, after the events that wait. Awaited promises alone never get there: they go on within the same turn.
 * The SQLite store asks this before each statement; a loop of other work asks it in each round.
 */
export async function yieldToEventLoop(): Promise<void> {
  while (turnIsOver()) await new Promise<void>((resolve) => waiting.push(resolve));
}
