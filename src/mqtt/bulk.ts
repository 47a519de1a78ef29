import { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import pLimit from 'p-limit';
import type { Config } from '../config.js';
import { yieldToEventLoop } from '../kernel/event-loop.js';
import { threadUrl } from '../kernel/thread-url.js';
import type { KeptDevice } from './credentials.js';
import { NotJson, TooManyEntries } from './json-lists.js';
import { devicesOf, makeList, namesOf, type Piece, type Refused } from './list-maker.js';
import type { ListNews, ListOrder } from './list-thread.js';
import type { DevicePasswords } from './passwords.js';
import type { Kind } from './schema.js';

/** What became of the devices of a list that were not written. */
export interface NotWritten {
  /** Names that were there before. */
  existed: ReadonlySet<string>;
  /** Names that stand in the list more than once: the first was taken. */
  twice: ReadonlySet<string>;
}

/** A list of new devices whose passwords are being hashed: its good entries are taken, of each of the others it is said why not. */
export interface DeviceList {
  /** How many have come out of `pieces` so far. */
  readonly count: number;
  /** Some hundreds at a time, as they are ready. @throws NotJson, TooManyEntries: the list turns out to be broken */
  pieces(): AsyncGenerator<KeptDevice[]>;
  /** `{"data": {"<name>": "ok" | "<why not>"}, "code": 0}`, as text, piece by piece; when all pieces have come. */
  answer(notWritten: NotWritten): AsyncIterable<string>;
}

export interface DeviceLists {
  /**
   * Resolves when the list is in work: who then waits for its pieces, in a transaction say, waits for nobody else's; and not for
   * slow hashes, which are made before.
   * @param body JSON, which begins a list; its parts are let go of as they are read.
   * @throws NotJson, TooManyEntries
   */
  take(kind: Kind, body: Uint8Array[]): Promise<DeviceList>;
}

/** A shorter list is done with before a thread has started. */
const FOR_A_THREAD_BYTES = 64 * 1024;
const THREADS = 2;
/**
 * A thread has a heap of its own, which is gone with it. Without bounds V8 would give its young objects 48 MiB, and a list's are a
 * few hundred at a time.
 */
const HEAP = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 512 };
const THREAD = threadUrl('list-thread', import.meta.url);

export function openDeviceLists(
  config: Config['mqtt']['passwords'],
  passwords: DevicePasswords,
): DeviceLists {
  const threads = pLimit(THREADS);
  return {
    async take(kind, body) {
      const list = new ArrivingList();
      if (body.reduce((sum, { length }) => sum + length, 0) < FOR_A_THREAD_BYTES) {
        list.end(await makeList(kind, passwords, body, list.add));
        return list;
      }
      const order: ListOrder = { kind, passwords: config, body };
      await new Promise<void>((begun) => {
        void threads(() => {
          begun();
          return inThread(order, list);
        });
      });
      if (!passwords.quick) await list.whole;
      return list;
    },
  };
}

/** Resolves when the thread has ended, however it did. */
function inThread(order: ListOrder, list: ArrivingList): Promise<void> {
  const moved = order.body.map(({ buffer }) => buffer as ArrayBuffer);
  const thread = new Worker(THREAD, { workerData: order, transferList: moved, resourceLimits: HEAP });
  thread.on('message', (news: ListNews) => {
    if ('piece' in news) list.add(news.piece);
    else if ('refused' in news) list.end(news.refused);
    else list.fail(errorOf(news.failed));
  });
  thread.once('error', list.fail);
  return new Promise((ended) => {
    thread.once('exit', () => {
      list.fail(new Error('the thread ended before its list')); // has no effect on a list that has ended
      ended();
    });
  });
}

const errorOf = ({ name, message }: { name: string; message: string }): Error => {
  const Known = [NotJson, TooManyEntries].find((known) => known.name === name) ?? Error;
  return new Known(message);
};

/** A list whose pieces come one after the other. Their names stay for the answer, their devices go when they were asked for. */
class ArrivingList implements DeviceList {
  readonly #names: Uint8Array[] = [];
  readonly #pieces = new Readable({ objectMode: true, read: () => undefined });
  #refused: Refused | undefined;
  #settle: { done(): void; failed(error: Error): void } | undefined;
  /** Settles when nothing more comes. */
  readonly whole = new Promise<void>((done, failed) => (this.#settle = { done, failed }));
  count = 0;

  constructor() {
    this.#pieces.on('error', () => undefined); // whoever asks for pieces is told
    this.whole.catch(() => undefined);
  }

  readonly add = (piece: Piece): void => {
    this.#names.push(piece.names);
    this.#pieces.push(piece);
  };

  readonly end = (refused: Refused): void => {
    this.#refused = refused;
    this.#pieces.push(null);
    this.#settle?.done();
  };

  readonly fail = (error: Error): void => {
    if (this.#refused) return;
    this.#pieces.destroy(error);
    this.#settle?.failed(error);
  };

  async *pieces(): AsyncGenerator<KeptDevice[]> {
    for await (const piece of this.#pieces as AsyncIterable<Piece>) {
      const devices = devicesOf(piece);
      this.count += devices.length;
      yield devices;
    }
  }

  async *answer({ existed, twice }: NotWritten): AsyncGenerator<string> {
    const refused = new Map(this.#refused);
    const said = new Set<string>();
    let comma = '';
    const pair = (name: string, word: string): string => {
      const text = `${comma}${JSON.stringify(name)}:${JSON.stringify(word)}`;
      comma = ',';
      return text;
    };
    yield '{"data":{';
    for (const names of this.#names) {
      await yieldToEventLoop(); // a stream that is given text at once asks for more in the same turn
      let text = '';
      for (const name of namesOf({ names })) {
        if (said.has(name)) continue;
        if (existed.has(name) || twice.has(name) || refused.has(name)) said.add(name);
        text += pair(name, existed.has(name) ? 'existed' : 'ok');
      }
      yield text;
    }
    let text = '';
    for (const [name, why] of refused) if (!said.has(name)) text += pair(name, why);
    yield `${text}},"code":0}`;
  }
}
