/**
 * Runs so many tasks at once, and no more than so many of one owner. Owners whose tasks wait take turns: one that has many
 * delays the others by one task each.
 */
export function takingTurns(
  most: number,
  mostOfOne: number,
): <T>(owner: string, task: () => Promise<T>) => Promise<T> {
  // In the order of their turns.
  const waiting = new Map<string, (() => Promise<void>)[]>();
  const underWay = new Map<string, number>();
  let all = 0;

  function begin(owner: string, task: () => Promise<void>): void {
    all += 1;
    underWay.set(owner, (underWay.get(owner) ?? 0) + 1);
    void task().finally(() => {
      all -= 1;
      const left = (underWay.get(owner) ?? 1) - 1;
      if (left > 0) underWay.set(owner, left);
      else underWay.delete(owner);
      next();
    });
  }

  function next(): void {
    // An owner that goes to the end of the map comes up again in this loop.
    for (const [owner, tasks] of waiting) {
      if (all >= most) return;
      if ((underWay.get(owner) ?? 0) >= mostOfOne) continue;
      const task = tasks.shift();
      waiting.delete(owner);
      if (tasks.length > 0) waiting.set(owner, tasks);
      if (task) begin(owner, task);
    }
  }

  return (owner, task) =>
    new Promise((resolve, reject) => {
      const tasks = waiting.get(owner) ?? [];
      tasks.push(() => task().then(resolve, reject));
      waiting.set(owner, tasks);
      next();
    });
}
