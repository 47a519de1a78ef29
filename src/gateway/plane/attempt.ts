import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import type { DispatchController, DispatchHandler, RawHeaders } from './dispatcher.js';

/** What a call does with what its current attempt tells. */
export interface AttemptListener {
  /** The connection stands and the request is about to be written. */
  started(attempt: Attempt): void;
  /** The head of the final answer. True where the answer is passed on, false where its body is let go. */
  answered(
    attempt: Attempt,
    head: {
      status: number;
      headers: IncomingHttpHeaders;
      rawHeaders: RawHeaders | undefined;
      message: string;
    },
  ): boolean;
  /** A piece of the body. False where no more can be taken for now. */
  data(chunk: Buffer): boolean;
  ended(rawTrailers: RawHeaders | undefined): void;
  upgraded(head: { headers: IncomingHttpHeaders; rawHeaders: RawHeaders | undefined }, socket: Duplex): void;
  failed(attempt: Attempt, error: Error): void;
}

/** Interim answers that a backend may send to one request: it could go on with them for good. */
const MOST_INTERIM = 16;

/** What is read of an answer that is let go, so that its connection can be used again. */
const MOST_LET_GO = 64 * 1024;

class TooManyInterim extends Error {
  override name = 'TooManyInterim';
}

class LetGo extends Error {
  override name = 'LetGo';
}

/** One try to have a call answered by its backend. When it is over, it says nothing more. */
export class Attempt implements DispatchHandler {
  #controller: DispatchController | undefined;
  #abortedWith: Error | undefined;
  #interim = 0;
  #letGo = 0;
  #isPassing = false;
  #isOver = false;

  constructor(
    readonly listener: AttemptListener,
    /** How many connections the pool had made when the attempt began. */
    readonly connections: number,
  ) {}

  /** Whether the request has been given to a connection. */
  get hasStarted(): boolean {
    return this.#controller !== undefined;
  }

  /** Ends it, wherever it is. Its connection is closed. */
  abort(reason: Error): void {
    this.#isOver = true;
    this.#abortedWith = reason;
    this.#controller?.abort(reason);
  }

  /** Goes on with reading an answer. */
  resume(): void {
    this.#controller?.resume();
  }

  onRequestStart(controller: DispatchController): void {
    this.#controller = controller;
    if (this.#abortedWith) return controller.abort(this.#abortedWith);
    this.listener.started(this);
  }

  /** Interim answers end here: a gateway need not pass them on (RFC 9110, 15.2), and many callers do not expect them. */
  onResponseStart(
    controller: DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    message = '',
  ): void {
    if (this.#isOver) return;
    if (status < 200) {
      this.#interim += 1;
      if (this.#interim > MOST_INTERIM) controller.abort(new TooManyInterim());
      return;
    }
    this.#isPassing = this.listener.answered(this, {
      status,
      headers,
      rawHeaders: controller.rawHeaders,
      message,
    });
    if (!this.#isPassing) this.#isOver = true;
  }

  onResponseData(controller: DispatchController, chunk: Buffer): void {
    // When undici goes on it may give an empty piece. To pause at it would be to never come to the end.
    if (chunk.length === 0) return;
    if (this.#isPassing) {
      if (!this.listener.data(chunk)) controller.pause();
      return;
    }
    this.#letGo += chunk.length;
    if (this.#letGo > MOST_LET_GO) controller.abort(new LetGo());
  }

  onResponseEnd(controller: DispatchController): void {
    if (!this.#isPassing || this.#isOver) return;
    this.#isOver = true;
    this.listener.ended(controller.rawTrailers);
  }

  onRequestUpgrade(
    controller: DispatchController,
    _status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void {
    if (this.#isOver) return void socket.destroy();
    this.#isOver = true;
    this.listener.upgraded({ headers, rawHeaders: controller.rawHeaders }, socket);
  }

  onResponseError(_controller: DispatchController | undefined, error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.listener.failed(this, error);
  }
}
