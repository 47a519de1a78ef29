import type { Lease, Leases } from './leases.js';

/** In milliseconds. */
export interface HoldTimes {
  /** How long a node that says nothing keeps a job. */
  lease: number;
  /** How often a lease is renewed. */
  renew: number;
}

/** Why a run may not go on. It is what `step` throws, and the reason of an aborted signal. */
export class RunEnded extends Error {
  override name = 'RunEnded';
  constructor(readonly why: 'cancelled' | 'late' | 'disabled' | 'lost' | 'stopped') {
    super(`the run of the job is ${why}`);
  }
}

/** This node's hold on a job: the lease, and the signal that ends the work. */
export interface Hold {
  readonly lease: Lease;
  readonly signal: AbortSignal;
  /** Resolves when this node has nothing to do with the job any more. */
  readonly left: Promise<void>;
  isLeft(): boolean;
  /** Why the work has to end; undefined where it may go on. */
  why(): RunEnded['why'] | undefined;
  /** Has no effect once the work has ended: a lease that the store no longer has is then what its end led to. */
  abort(why: RunEnded['why']): void;
  /** Says that the work has ended, and how is about to be stored. */
  endWork(): void;
  /** Renews the lease where it is time. */
  keep(): Promise<void>;
  /** Makes a change that only the holder makes. @throws RunEnded where the store refuses it */
  write(change: () => Promise<boolean>): Promise<void>;
  leave(): void;
}

/** Holds a job whose lease was just taken. A node that cannot renew the lease stops before another node begins. */
export function holdJob(leases: Leases, lease: Lease, times: HoldTimes): Hold {
  const aborting = new AbortController();
  const { signal } = aborting;
  let leave = (): void => undefined;
  let isLeft = false;
  let isWorkOver = false;
  const left = new Promise<void>((resolve) => {
    leave = () => {
      isLeft = true;
      clearTimeout(losing);
      resolve();
    };
  });
  let renewedAt = performance.now();
  const loseAfter = (milliseconds: number): NodeJS.Timeout =>
    setTimeout(() => end('lost'), milliseconds).unref();
  let losing = loseAfter(times.lease);

  function abort(why: RunEnded['why']): void {
    if (!isWorkOver) end(why);
  }
  function end(why: RunEnded['why']): void {
    if (isLeft) return;
    if (!signal.aborted) aborting.abort(new RunEnded(why));
    if (why === 'lost') leave();
  }

  return {
    lease,
    signal,
    left,
    isLeft: () => isLeft,
    why: () => (signal.reason as RunEnded | undefined)?.why,
    abort,
    endWork: () => {
      isWorkOver = true;
    },
    async keep() {
      const begun = performance.now();
      if (isLeft || begun - renewedAt < times.renew) return;
      if (!(await leases.renew(lease, times.lease))) return abort('lost');
      if (isLeft) return;
      renewedAt = begun;
      clearTimeout(losing);
      losing = loseAfter(begun + times.lease - performance.now());
    },
    async write(change) {
      if (await change()) return;
      const held = (await leases.standing([lease])).find(({ token }) => token === lease.token);
      const why = !held ? 'lost' : held.cancelled ? 'cancelled' : 'disabled';
      abort(why);
      throw new RunEnded(why);
    },
    leave,
  };
}
