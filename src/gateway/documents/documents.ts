import { Worker } from 'node:worker_threads';
import pLimit from 'p-limit';
import { Busy } from '../../kernel/errors.js';
import { threadUrl } from '../../kernel/thread-url.js';
import {
  DocumentRefused,
  type DocumentProblem,
  type PrepareDocument,
  type PreparedDocument,
} from '../types.js';
import type { Located, ThreadAnswer, ThreadMessage, ThreadOrder } from './document-thread.js';
import { MAX_BYTES } from './limits.js';
import { DocumentMistakes, mistake, tooLarge, type Mistake, type Position } from './mistakes.js';
import { openPlaces, type InPlace } from './places.js';
import type { Prepared } from './prepare.js';

export interface Documents {
  prepare: PrepareDocument;
  locate: LocateParts;
  /** Around what is done with a document before it is stored, so that no tenant keeps others waiting. */
  inPlace: InPlace;
  /** Ends the thread. What still waits fails. */
  close(): Promise<void>;
}

/**
 * Where parts of a prepared document stand in its text: each part, or else what is above it; undefined where that takes too long.
 * @param pointers JSON pointers into the document as OpenAPI 3.
 */
export type LocateParts = (
  text: string,
  pointers: readonly string[],
) => Promise<readonly (Position | undefined)[]>;

export interface DocumentsOptions {
  /** How long one document may take, in ms. */
  timeoutMs?: number;
  /** The heap of the thread. */
  heapMegabytes?: number;
  /** How long the thread lives without work, in ms. */
  idleMs?: number;
  /** How many documents wait for their turn at most. */
  waiting?: number;
}

const THREAD = threadUrl('document-thread', import.meta.url);
const RETRY_AFTER_SECONDS = 30;

/** Reads documents one after the other, in a thread that is started when it is needed. */
export function openDocuments({
  timeoutMs = 30_000,
  heapMegabytes = 768,
  idleMs = 60_000,
  waiting = 8,
}: DocumentsOptions = {}): Documents {
  const turns = pLimit(1);
  let thread: DocumentThread | undefined;
  let isClosed = false;
  const ask = (order: ThreadOrder): Promise<Answer> => {
    if (turns.pendingCount >= waiting)
      throw new Busy('document', 'too many documents at once', RETRY_AFTER_SECONDS);
    return turns(() => {
      if (isClosed) throw new Error('the documents are closed');
      if (!thread || thread.hasEnded) thread = new DocumentThread({ timeoutMs, heapMegabytes, idleMs });
      return thread.answerTo(order);
    });
  };
  return {
    inPlace: openPlaces(RETRY_AFTER_SECONDS),
    async prepare(source) {
      const text = textOf(source);
      const answer = (await ask({ text })) as Prepared;
      if ('refused' in answer) throw refusal(answer.refused, 'text' in source);
      return { ...answer.prepared, source: text } satisfies PreparedDocument;
    },
    async locate(text, pointers) {
      const answer = await ask({ text, pointers });
      return 'positions' in answer ? answer.positions : pointers.map(() => undefined);
    },
    async close() {
      isClosed = true;
      await thread?.end();
    },
  };
}

const BYTE_ORDER_MARK = '\ufeff';

function textOf(source: Parameters<PrepareDocument>[0]): string {
  const text = 'text' in source ? source.text : jsonOf(source.value);
  if (text.length > MAX_BYTES) throw refusal(tooLarge().list, false);
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

function jsonOf(value: unknown): string {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return JSON.stringify(value);
  throw refusal(mistake('notObject', 'Send an object, or a text of JSON or YAML.').list, false);
}

/** An object has no lines. */
const refusal = (mistakes: readonly Mistake[], hasLines: boolean): DocumentRefused =>
  new DocumentRefused(
    mistakes.map(({ rule, message, path, position }): DocumentProblem => ({
      field: 'document',
      rule,
      message,
      ...(path !== undefined && { path }),
      ...(hasLines && position),
    })),
  );

type Answer = Prepared | Located;

type ThreadLimits = Required<Pick<DocumentsOptions, 'timeoutMs' | 'heapMegabytes' | 'idleMs'>>;

/** A thread for one document at a time. It ends when it is idle, and when a document goes beyond a limit. */
class DocumentThread {
  readonly #worker: Worker;
  readonly #limits: ThreadLimits;
  #settle: { done(answer: Answer): void; failed(error: Error): void } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isReady = false;
  hasEnded = false;

  constructor(limits: ThreadLimits) {
    this.#limits = limits;
    this.#worker = new Worker(THREAD, { resourceLimits: { maxOldGenerationSizeMb: limits.heapMegabytes } });
    this.#worker.unref();
    this.#worker.on('message', (message: ThreadMessage) =>
      message === 'ready' ? this.#begin() : this.#answer(message),
    );
    this.#worker.once('error', (error: Error & { code?: string }) => {
      const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      this.#fail(isMemory ? tooComplex('memory') : error);
    });
    this.#worker.once('exit', () => this.#fail(new Error('the thread of documents ended')));
  }

  answerTo(order: ThreadOrder): Promise<Answer> {
    clearTimeout(this.#timer);
    this.#worker.ref();
    return new Promise((done, failed) => {
      this.#settle = { done, failed };
      if (this.#isReady) this.#startTimer();
      this.#worker.postMessage(order);
    });
  }

  /** The time that a thread takes to start is not the document's. */
  #begin(): void {
    this.#isReady = true;
    if (this.#settle) this.#startTimer();
  }

  #startTimer(): void {
    this.#timer = setTimeout(() => this.#fail(tooComplex('time')), this.#limits.timeoutMs);
  }

  async end(): Promise<void> {
    this.#fail(new Error('the documents are closed'));
    await this.#worker.terminate();
  }

  #answer(answer: ThreadAnswer): void {
    clearTimeout(this.#timer);
    this.#worker.unref();
    this.#timer = setTimeout(() => void this.end(), this.#limits.idleMs).unref();
    if ('failed' in answer) this.#settle?.failed(new Error(answer.failed));
    else this.#settle?.done(answer);
    this.#settle = undefined;
  }

  /** Has no effect on a document that was answered. */
  #fail(error: Error): void {
    this.hasEnded = true;
    clearTimeout(this.#timer);
    if (error instanceof DocumentMistakes) this.#settle?.done({ refused: error.list });
    else this.#settle?.failed(error);
    this.#settle = undefined;
    void this.#worker.terminate();
  }
}

const tooComplex = (what: 'time' | 'memory'): DocumentMistakes =>
  mistake('tooComplex', `Make the document smaller or simpler: reading it takes too much ${what}.`);
