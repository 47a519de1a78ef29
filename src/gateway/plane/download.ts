import type { ServerResponse } from 'node:http';
import type { RawHeaders } from './dispatcher.js';
import { closeUnread, endStalled } from './linger.js';
import { answerHeaders, answerTrailers, type BackendHead, type CorsHeaders } from './response-headers.js';
import type { Call, Recorder } from './steps.js';
import { countPassed } from './young-buffers.js';

const PLAIN_MESSAGE = /^[\t\x20-\x7e]*$/;
/** The longest body that is copied to go out with the head. */
const MOST_AS_TEXT = 16 * 1024;
const BODILESS = new Set([204, 304]);

class OtherCoding extends Error {
  override name = 'OtherCoding';
}

/** `Transfer-Encoding` ends here, so a body that has another coding as well would reach the caller unreadable (RFC 9112, 6.1). */
function checkCoding(coding: string | string[] | undefined): void {
  if (coding !== undefined && String(coding).trim().toLowerCase() !== 'chunked') throw new OtherCoding();
}

/** The backend's answer on its way to the caller. */
export class Download {
  readonly #response: ServerResponse;
  #recorder: Recorder | undefined;
  #isEnded = false;
  #hasDrainListener = false;
  /** What the answer's `Content-Length` leaves; undefined where it has none. */
  #left: number | undefined;

  constructor(
    readonly call: Call,
    readonly cors: CorsHeaders,
    readonly resume: () => void,
  ) {
    this.#response = call.response;
  }

  /** The whole answer has been handed over. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /**
   * Begins the answer.
   * @throws Error where the head has what HTTP does not allow; nothing has been sent then.
   */
  begin(head: BackendHead & { message: string }, recorder: Recorder | undefined): void {
    const { request } = this.call;
    const response = this.#response;
    checkCoding(head.headers['transfer-encoding']);
    const length = head.headers['content-length'];
    const hasBody = request.method !== 'HEAD' && !BODILESS.has(head.status);
    const headers = answerHeaders(head, {
      call: this.call,
      cors: this.cors,
      mayHaveTrailers: hasBody && length === undefined && request.httpVersion === '1.1',
    });
    closeUnread(request, response);
    writeHead(response, head.status, head.message, headers);
    this.#recorder = recorder;
    if (!hasBody) return this.#finish();
    this.#left = typeof length === 'string' ? Number(length) : undefined;
    // A short body comes in the same turn, and goes out with the head. What is slow to come does not hold the head back.
    process.nextTick(flushHead, response);
  }

  /** Passes a piece on. False where the caller does not take more for now. */
  write(chunk: Buffer): boolean {
    const response = this.#response;
    if (this.#isEnded || response.destroyed) return true;
    this.#recorder?.write(chunk);
    countPassed(chunk.length);
    if (this.#left !== undefined) {
      this.#left -= chunk.length;
      if (this.#left === 0) {
        this.#finish(chunk);
        return true;
      }
    }
    if (response.write(chunk)) return true;
    endStalled(response, this.#idleMs);
    if (!this.#hasDrainListener) {
      this.#hasDrainListener = true;
      response.on('drain', () => {
        response.socket?.setTimeout(0);
        this.resume();
      });
    }
    return false;
  }

  /**
   * The backend's answer is whole.
   * @throws Error where a trailer has what HTTP does not allow.
   */
  end(rawTrailers: RawHeaders | undefined): void {
    if (this.#isEnded) return;
    const trailers = answerTrailers(this.call, rawTrailers);
    if (trailers.length > 0 && this.#response.chunkedEncoding) this.#response.addTrailers(trailers);
    this.#finish();
  }

  /** The backend's answer broke off: the caller must not take what it has for the whole (RFC 9112, 8). */
  breakOff(): void {
    this.#isEnded = true;
    this.#recorder?.abort();
    const { socket } = this.call.request;
    // Without chunks or a length, only a reset says that something is missing.
    if (!this.#response.chunkedEncoding && this.#left === undefined) socket.resetAndDestroy();
    this.#response.destroy();
  }

  #finish(chunk?: Buffer): void {
    this.#isEnded = true;
    this.#recorder?.end();
    // Node sends a text with the head in one piece; each byte is one character of Latin-1.
    if (chunk && chunk.length <= MOST_AS_TEXT) this.#response.end(chunk.toString('latin1'), 'latin1');
    else this.#response.end(chunk);
    endStalled(this.#response, this.#idleMs);
  }

  get #idleMs(): number {
    return this.call.policy.steps.timeout.idleSeconds * 1000;
  }
}

/** @throws Error for what HTTP does not allow; the response is then as it was before */
function writeHead(response: ServerResponse, status: number, message: string, headers: string[]): void {
  try {
    if (message !== '' && PLAIN_MESSAGE.test(message)) response.writeHead(status, message, headers);
    else response.writeHead(status, headers);
  } catch (error) {
    for (let at = 0; at < headers.length; at += 2) response.removeHeader(headers[at] as string);
    response.statusMessage = '';
    throw error;
  }
}

function flushHead(response: ServerResponse): void {
  if (!response.writableEnded && !response.destroyed) response.flushHeaders();
}
