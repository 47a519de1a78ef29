import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { Worker, type MessagePort } from 'node:worker_threads';
import type * as Argon2 from '@node-rs/argon2';
import type { Options } from '@node-rs/argon2';

/** Argon2id in threads of its own. Whoever calls sees to it that no more are asked at once than there are. */
export interface Hashers {
  hash(password: string, options: Options): Promise<string>;
  verify(stored: string, password: string): Promise<boolean>;
}

const MOST_AT_ONCE = 8;

/** One core is left to everything else: its requests wait for no hash then. */
export const hashesAtOnce = (): number => Math.max(1, Math.min(MOST_AT_ONCE, availableParallelism() - 1));

/**
 * Lets the system run a thread only where nothing else wants the core (SCHED_IDLE), so that a request never waits for a
 * hash to use up its turn; a lower priority alone does not do that (docs/performance.md). With one core only, everybody
 * gets a share as usual: else a flood would leave nothing for signing in.
 */
function yieldToOthers(thread: string): void {
  if (thread === '' || availableParallelism() < 2) return;
  // Where there is no `chrt`, or it may not, hashing goes on as everything else does.
  execFile('chrt', ['-i', '-p', '0', thread], () => undefined).unref();
}

/** What a thread is asked: to make a hash, or, where there is one, whether the password fits it. */
interface Asked {
  password: string;
  stored?: string | undefined;
  options: Options;
}

type Answered = { answer: string | boolean } | { failure: string };

/** What it says first: its number in the system; empty where the system does not tell. */
interface Started {
  thread: string;
}

/**
 * All that a thread does. It goes there as text, so it may use nothing but what it is given, and no function of its own that
 * has a name: a thread has no loader for this source, and as text it is the same in the source and in what is built.
 */
const hashInThread = (
  port: MessagePort,
  argon2: Pick<typeof Argon2, 'hashSync' | 'verifySync'>,
  self: string,
): void => {
  port.on('message', ({ password, stored, options }: Asked) => {
    try {
      const answer =
        stored === undefined ? argon2.hashSync(password, options) : argon2.verifySync(stored, password);
      port.postMessage({ answer });
    } catch (error) {
      port.postMessage({ failure: (error as Error).message });
    }
  });
  port.postMessage({ thread: self });
};

const SOURCE = `
  const { existsSync, readlinkSync } = require('node:fs');
  const self = existsSync('/proc/thread-self') ? readlinkSync('/proc/thread-self').split('/').at(-1) : '';
  const argon2 = require(${JSON.stringify(createRequire(import.meta.url).resolve('@node-rs/argon2'))});
  (${hashInThread.toString()})(require('node:worker_threads').parentPort, argon2, self);
`;

class HashThread {
  readonly #worker = new Worker(SOURCE, { eval: true });
  #waiting: { resolve(answer: string | boolean): void; reject(error: Error): void } | undefined;

  constructor(ended: () => void) {
    this.#worker.unref();
    this.#worker.on('message', (said: Started | Answered) => {
      if ('thread' in said) return yieldToOthers(said.thread);
      const waiting = this.#waiting;
      this.#rest();
      if ('failure' in said) waiting?.reject(new Error(said.failure));
      else waiting?.resolve(said.answer);
    });
    this.#worker.on('error', (error) => {
      const waiting = this.#waiting;
      this.#rest();
      ended();
      waiting?.reject(error);
    });
  }

  #rest(): void {
    this.#waiting = undefined;
    this.#worker.unref();
  }

  ask(asked: Asked): Promise<string | boolean> {
    // A process that only hashes and ends must not end before the answer.
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#worker.postMessage(asked);
    });
  }
}

const opened = new Map<number, Hashers>();

/** The hashing threads of this process, so many; each is started when it is needed for the first time. */
export function hashersOf(count: number): Hashers {
  const found = opened.get(count);
  if (found) return found;
  const idle: HashThread[] = [];
  async function ask(asked: Asked): Promise<string | boolean> {
    let dead = false;
    const thread = idle.pop() ?? new HashThread(() => (dead = true));
    try {
      return await thread.ask(asked);
    } finally {
      if (!dead) idle.push(thread);
    }
  }
  const hashers: Hashers = {
    hash: async (password, options) => (await ask({ password, options })) as string,
    verify: async (stored, password) => (await ask({ password, stored, options: {} })) as boolean,
  };
  opened.set(count, hashers);
  return hashers;
}
