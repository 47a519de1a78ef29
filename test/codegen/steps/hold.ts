import type { AnyJobKind, RunningJob } from '../../../src/jobs/index.js';

/** Where a run is: one of its steps, which is stored and not begun, or `end`, when all is done and the job does not say so yet. */
export type Arrive = (job: RunningJob<unknown>, point: string) => void | Promise<void>;

/** The kinds of a node, each of whose runs waits at each point for `arrive`. */
export const holding =
  (arrive: Arrive) =>
  (kinds: readonly AnyJobKind[]): readonly AnyJobKind[] =>
    kinds.map((kind) => ({
      ...kind,
      async run(job) {
        const result = await kind.run({
          ...job,
          async step(name, percent) {
            await job.step(name, percent);
            await arrive(job, name);
          },
        });
        await arrive(job, 'end');
        return result;
      },
    }));

/** A test's hold on runs: by their API, each at one point, until the test lets it go or the run is aborted. */
export class Holds {
  readonly #holds = new Map<string, { point: string; reach: () => void; free: Promise<void> }>();
  /** `<id of the job> <point>`, in the order in which they were reached. */
  readonly arrived: string[] = [];

  readonly arrive: Arrive = async ({ id, apiId, signal }, point) => {
    this.arrived.push(`${id} ${point}`);
    const hold = this.#holds.get(apiId);
    if (hold?.point !== point) return;
    hold.reach();
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    await Promise.race([hold.free, aborted]);
  };

  /** Holds the next run of an API. */
  at(apiId: string, point: string): { reached: Promise<void>; letGo(): void } {
    let [reach, letGo] = [(): void => undefined, (): void => undefined];
    const reached = new Promise<void>((resolve) => (reach = resolve));
    const free = new Promise<void>((resolve) => (letGo = resolve));
    this.#holds.set(apiId, { point, reach: () => reach(), free });
    return { reached, letGo };
  }
}
