import type { Duplex } from 'node:stream';
import { whenClosed } from '../../kernel/when-closed.js';
import { sendAnswer, sendProblem } from './answers.js';
import { Attempt, type AttemptListener } from './attempt.js';
import type { Breaker } from './breaker.js';
import { askForBody } from './continue.js';
import type { DispatchOptions, RawHeaders } from './dispatcher.js';
import { Download } from './download.js';
import type { LogFault } from './fault-log.js';
import { faultOf, type Fault } from './faults.js';
import type { Backend, KeptPool } from './pools.js';
import type { BackendHead, CorsHeaders } from './response-headers.js';
import type { Call, CacheStore } from './steps.js';
import type { Tunnels } from './tunnel.js';
import { MOST_REPEATED } from './upload.js';

/** What one call is sent with. */
export interface Sending {
  call: Call;
  backend: Backend;
  options: DispatchOptions;
  breaker: Breaker | undefined;
  store: CacheStore | undefined;
  cors: CorsHeaders;
  tunnels: Tunnels;
  logFault: LogFault;
}

class CallerLeft extends Error {
  override name = 'CallerLeft';
}

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const LONGEST_BACKOFF_MS = 10_000;

/** Whether the request can be sent twice: what it does is the same then (RFC 9110, 9.2.2), and its body is at hand. */
const isRepeatable = ({ method, body, upgrade }: DispatchOptions): boolean =>
  upgrade === null &&
  REPEATABLE.has(method) &&
  (body === null || (Buffer.isBuffer(body) && body.length <= MOST_REPEATED));

const isFault = (status: number): boolean => status >= 502 && status <= 504;

/**
 * One call on its way to the backend and back: one attempt, and more where the policy says so or a kept connection was closed
 * just then. From the first byte of an answer that is passed on, nothing is tried again.
 */
export class Forwarding implements AttemptListener {
  /** Of the current attempt: each asks for it, as one that is not used for a while is closed. */
  #pool: KeptPool | undefined;
  #attempt: Attempt | undefined;
  #download: Download | undefined;
  #backoff: NodeJS.Timeout | undefined;
  #retries = 0;
  #hasRepeated = false;
  /** Nothing more is to be done: it was answered in whole, it is a tunnel, or the caller has left. */
  #isOver = false;

  constructor(readonly sending: Sending) {}

  begin(): void {
    whenClosed(this.sending.call.response, () => this.#closed());
    // Nobody would end an attempt that begins when the caller has left already.
    if (!this.#isOver) this.#try();
  }

  started(): void {
    const { request, response } = this.sending.call;
    askForBody(request, response);
  }

  answered(attempt: Attempt, head: BackendHead & { message: string }): boolean {
    const { call, breaker, store, cors } = this.sending;
    if (isFault(head.status)) breaker?.failed();
    else breaker?.succeeded();
    if (this.#mayRetry(head.status)) {
      this.#retryLater();
      return false;
    }
    const kept = store?.begin(head.status, endToEnd(head));
    if (kept && 'status' in kept) {
      this.#isOver = true;
      sendAnswer(call, kept, cors);
      return false;
    }
    const download = new Download(call, cors, () => attempt.resume());
    download.begin(head, kept); // what it throws comes back as `failed`
    this.#download = download;
    return true;
  }

  data(chunk: Buffer): boolean {
    return this.#download?.write(chunk) ?? true;
  }

  ended(rawTrailers: RawHeaders | undefined): void {
    this.#download?.end(rawTrailers);
  }

  upgraded(head: Pick<BackendHead, 'headers' | 'rawHeaders'>, socket: Duplex): void {
    this.sending.breaker?.succeeded();
    this.#isOver = true;
    const { call, tunnels, options } = this.sending;
    tunnels.open(call, head, socket, options.bodyTimeout);
  }

  failed(attempt: Attempt, error: Error): void {
    if (this.#isOver) return;
    const fault = faultOf(error);
    const { breaker, call, logFault } = this.sending;
    if (this.#download) {
      logFault(call, fault.code, true);
      if (!this.#download.isEnded) this.#download.breakOff();
      this.#isOver = true;
      return;
    }
    const isRepeated = this.#repeatsAtOnce(attempt, fault);
    // A connection that was kept for too long says nothing of the backend either.
    const isOfBackend = !fault.isOurs && !isRepeated;
    logFault(call, fault.code, isOfBackend);
    if (isOfBackend) breaker?.failed();
    else breaker?.abandoned();
    if (isRepeated) return this.#try();
    const status = fault.problem.word === 'timeout' ? 504 : 502;
    if (!fault.isOurs && this.#mayRetry(status, !attempt.hasStarted)) return this.#retryLater();
    this.#refuse(fault);
  }

  #try(): void {
    const { backend, options, breaker } = this.sending;
    const waitMs = breaker?.enter() ?? 0;
    if (waitMs > 0) return this.#refuseAsOpen(waitMs);
    const pool = (this.#pool = backend.pool());
    this.#attempt = new Attempt(this, pool.connections);
    pool.dispatcher.dispatch(options, this.#attempt);
  }

  /** A connection that was kept can be closed by the backend while a request is on its way; that request was not worked on. */
  #repeatsAtOnce(attempt: Attempt, { isReset }: Fault): boolean {
    const { options } = this.sending;
    const wasKept = attempt.hasStarted && attempt.connections === this.#pool?.connections;
    if (!isReset || !wasKept || this.#hasRepeated || !isRepeatable(options)) return false;
    this.#hasRepeated = true;
    return true;
  }

  /** @param isUnsent nothing reached the backend: any method's request could be sent again. */
  #mayRetry(status: number, isUnsent = false): boolean {
    const { call, options } = this.sending;
    const { retry } = call.policy.steps;
    if (!retry || this.#retries >= retry.attempts || !isRepeatable(options)) return false;
    return isUnsent || retry.on.some((each) => each === status);
  }

  #retryLater(): void {
    const backoffMs = this.sending.call.policy.steps.retry?.backoffMs ?? 0;
    const waitMs = Math.min(backoffMs * 2 ** this.#retries, LONGEST_BACKOFF_MS);
    this.#retries += 1;
    this.#backoff = setTimeout(() => this.#try(), waitMs);
  }

  #refuse({ problem }: Fault): void {
    this.#isOver = true;
    const { call, cors } = this.sending;
    sendProblem(call, problem, cors);
  }

  #refuseAsOpen(waitMs: number): void {
    this.#isOver = true;
    const { call, cors } = this.sending;
    const detail = 'The backend has failed several times in a row. Try again after the time in Retry-After.';
    const headers = { 'Retry-After': String(Math.ceil(waitMs / 1000)) };
    sendProblem(call, { word: 'circuit-open', detail, headers }, cors);
  }

  /** The answer is out, or the caller has left: then the backend must not go on. */
  #closed(): void {
    clearTimeout(this.#backoff);
    if (this.#isOver || this.#download?.isEnded) return;
    this.#isOver = true;
    this.#download?.breakOff();
    this.sending.breaker?.abandoned();
    this.#attempt?.abort(new CallerLeft());
  }
}

/** The headers of an answer that its cache may look at. */
function endToEnd({ headers }: BackendHead): Record<string, string | string[]> {
  const list: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) list[name] = value;
  return list;
}
