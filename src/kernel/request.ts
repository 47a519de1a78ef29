import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { StoreUnavailable } from './errors.js';

/** What the app knows of a request before any room sees it, and what rooms tell the log about it. */
export interface RequestFacts {
  requestId: string;
  /** The person's or program's address, after trusted proxies. */
  address: string;
  /** When it came in, in epoch milliseconds. */
  startedAt: number;
  /** The revocations that it has seen when it first looked (src/revocations): all that are later end what it issues. */
  generation?: number;
  /** The client's TLS certificate, as a trusted proxy passed it on. */
  certificate?: X509Certificate | undefined;
  /** Set where the request is one too many; the pages say so. */
  retryAfter?: number;
  /** Set where the store could not even say what the request is about; its interface says so. */
  unavailable?: StoreUnavailable;
  tenantName?: string;
  /** Answered from memory, the same for everybody: nothing that the log needs a line of. */
  routine?: boolean;
  clientId?: string;
  /** The call that a proxy in front asks about. The log has it in place of the question. */
  asked?: { method: string; url: string };
  /** An error code in the protocol's words; absent when all went well. */
  outcome?: string;
}

/** Whether the caller went away, or broke the request off within its body: an error that follows from it is nobody's fault. */
export const hasLeft = (request: IncomingMessage): boolean =>
  (request.destroyed && !request.complete) || request.socket.destroyed;

/** Whether a body follows the headers (RFC 9112, 6.3). */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

const FACTS = Symbol('facts of a request');

/** They ride on the request itself: every request has them, and a WeakMap costs each a microsecond and the collector more. */
interface Carrier extends IncomingMessage {
  [FACTS]?: RequestFacts;
}

export const setFacts = (request: IncomingMessage, value: RequestFacts): void => {
  (request as Carrier)[FACTS] = value;
};

export function factsOf(request: IncomingMessage): RequestFacts {
  const found = (request as Carrier)[FACTS];
  if (!found) throw new Error('the request did not come through the app');
  return found;
}
