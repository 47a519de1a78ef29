import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { hasBody } from '../../kernel/request.js';
import { countPassed } from './young-buffers.js';

/** The largest body that is kept to be sent again. */
export const MOST_REPEATED = 64 * 1024;

const HIGH_WATER = 64 * 1024;

/** A request's body on its way to the backend. A buffer can be sent again; a stream can not. */
export type Upload = Buffer | UploadStream | null;

/**
 * A request's body as a stream of its own, so that undici can end it without ending the caller's connection, on which the answer
 * still has to go out.
 */
export class UploadStream extends Readable {
  readonly #request: IncomingMessage;
  readonly #idle: NodeJS.Timeout;

  /**
   * @param begun what was already read of it.
   * @param idleMs how long the caller may send nothing; its connection is closed then.
   */
  constructor(request: IncomingMessage, begun: readonly Buffer[], idleMs: number) {
    super({ highWaterMark: HIGH_WATER });
    this.#request = request;
    this.#idle = setTimeout(() => this.#onIdle(), idleMs);
    for (const chunk of begun) this.push(chunk);
    request.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError);
  }

  override _read(): void {
    this.#idle.refresh();
    this.#request.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#idle);
    this.#request.off('data', this.#onData).off('end', this.#onEnd);
    // What still comes is let go: the backend has answered without it, or is gone.
    if (!this.#request.destroyed) this.#request.resume();
    done(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#idle.refresh();
    countPassed(chunk.length);
    if (!this.push(chunk)) this.#request.pause();
  };

  readonly #onEnd = (): void => {
    clearTimeout(this.#idle);
    this.push(null);
  };

  readonly #onError = (error: Error): void => void this.destroy(error);

  #onIdle(): void {
    // While the backend does not take what was read, it is not the caller that is silent.
    if (this.#request.isPaused()) this.#idle.refresh();
    else this.#request.destroy();
  }
}

/** What was read of a body: all of it, or its beginning where it is longer than the bound. */
export interface ReadBody {
  chunks: Buffer[];
  whole: boolean;
}

/**
 * Reads a request's body up to a bound. The rest is left unread.
 * @param most bytes.
 * @param idleMs how long the caller may send nothing; its connection is closed then.
 * @throws Error where the caller leaves before its end.
 */
export function readBody(request: IncomingMessage, most: number, idleMs: number): Promise<ReadBody> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const idle = setTimeout(() => request.destroy(), idleMs);
    const settle = (whole: boolean): void => {
      clearTimeout(idle);
      request.off('data', onData).off('end', onEnd).off('error', reject).off('close', onClose);
      if (!whole) request.pause();
      resolve({ chunks, whole });
    };
    const onEnd = (): void => settle(true);
    const onClose = (): void => {
      clearTimeout(idle);
      reject(new Error('the caller left within its body'));
    };
    const onData = (chunk: Buffer): void => {
      idle.refresh();
      chunks.push(chunk);
      size += chunk.length;
      if (size > most) settle(false);
    };
    if (request.readableEnded) return settle(true);
    request.on('data', onData).on('end', onEnd).on('error', reject).on('close', onClose);
  });
}

/** The body of a request as far as it has come with its head; a stream where more of it is to come. */
export function uploadOf(request: IncomingMessage, idleMs: number): Upload {
  if (!hasBody(request)) return null;
  if (!request.complete) return new UploadStream(request, [], idleMs);
  const whole = request.read() as Buffer | null;
  request.resume(); // so that it ends
  return whole;
}
