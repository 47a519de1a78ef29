import { request as plainRequest, type IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';
import { isIP } from 'node:net';
import { checkLiteral, lookupFor } from './checked-addresses.js';
import { Invalid } from './errors.js';
import { destinationOf, isOutOfReach, type Reach } from './private-networks.js';

/**
 * The only way out of this process for what a caller's data can cause: keys and logout endpoints of clients, webhooks,
 * mail servers. Every address is checked before a connection is made to it, and exactly that address is connected to, so a
 * name that leads elsewhere a moment later leads nowhere. ESLint refuses other ways to connect.
 */

/**
 * Refuses a URL or a host that can only lead to a private network, when somebody writes it. Names are not looked up: they
 * are checked each time that they are used.
 * @param port of a host that is no URL.
 * @throws Invalid naming the field
 */
export function checkOutbound(field: string, address: string | undefined, reach: Reach, port?: number): void {
  if (address === undefined) return;
  const url = URL.parse(address) ?? URL.parse(`http://${isIP(address) === 6 ? `[${address}]` : address}`);
  const { host, port: implied } = url ? destinationOf(url) : { host: address, port: 0 };
  if (isOutOfReach(reach, { host, port: port ?? implied }))
    throw new Invalid(
      field,
      `"${address.slice(0, 200)}" is in a private network, which this server does not connect to; the operator can allow it with outbound.allow`,
    );
}

export interface Answered {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

/** The request was sent, and no answer came: perhaps it was carried out. */
export class NoAnswer extends Error {
  override name = 'NoAnswer';
}

const TIMEOUT_MS = 10_000;
const LARGEST_ANSWER = 256 * 1024;

interface Outgoing {
  method: string;
  headers: Record<string, string>;
  body?: string | Buffer | undefined;
  reach: Reach;
  signal?: AbortSignal | undefined;
  /** Keeps the first part of an answer that is too large, instead of an error. */
  cut?: boolean;
}

/** The body of an answer, up to the bound. @throws Error for a larger one that is not to be cut, and one that breaks off */
function bodyOf(response: IncomingMessage, cut: boolean): Promise<Buffer> {
  return new Promise((done, fail) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= LARGEST_ANSWER) chunks.push(chunk);
      else if (!cut) response.destroy(new Error('the answer is too large'));
    });
    response.on('error', fail);
    response.on('end', () => done(Buffer.concat(chunks)));
    response.on('close', () => fail(new Error('the answer broke off')));
  });
}

/** One request; redirects are not followed. @throws NoAnswer; any other error means that nothing was sent */
function exchange(
  url: URL,
  { method, headers, body = '', reach, signal, cut = false }: Outgoing,
): Promise<Answered> {
  const secure = url.protocol === 'https:';
  if (!secure && url.protocol !== 'http:') throw new Error(`${url.protocol} is not a protocol of the web`);
  const to = destinationOf(url);
  checkLiteral(to, reach);
  return new Promise((done, reject) => {
    let sent = false;
    let answered = false;
    const fail = (error: Error): void => reject(sent ? new NoAnswer(error.message) : error);
    const sending = (secure ? secureRequest : plainRequest)(url, {
      method,
      headers: { ...headers, ...(method !== 'GET' && { 'content-length': Buffer.byteLength(body) }) },
      lookup: lookupFor(reach, to.port),
      agent: false,
      signal,
    });
    const deadline = setTimeout(() => sending.destroy(new Error('no answer in time')), TIMEOUT_MS);
    sending.on('error', fail);
    // It comes without an error as well, after 101 (Switching Protocols) for example.
    sending.on('close', () => {
      clearTimeout(deadline);
      if (!answered) fail(new Error('the connection closed without an answer'));
    });
    sending.on('socket', (socket) => {
      const flush = (): void => {
        sent = true;
        sending.end(body);
      };
      // Nothing has left before the connection stands, so that what fails until then can be tried again.
      if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', flush);
      else flush();
    });
    sending.on('response', (response) => {
      answered = true;
      bodyOf(response, cut).then(
        (bytes) => done({ status: response.statusCode ?? 0, headers: response.headers, body: bytes }),
        fail,
      );
    });
  });
}

/** A POST to somebody else's server. @throws NoAnswer; any other error means that nothing was sent */
export async function post(
  address: string,
  request: { headers: Record<string, string>; body: string; reach: Reach },
): Promise<{ status: number; body: string }> {
  const { status, body } = await exchange(new URL(address), { ...request, method: 'POST', cut: true });
  return { status, body: body.toString() };
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MOST_REDIRECTS = 3;
const WITHOUT_BODY = new Set([204, 205, 304]);

/** Where a GET is redirected to; the next address is checked like the first. Undefined where it is not. @throws Error */
function redirectOf(url: URL, { status, headers }: Answered): URL | undefined {
  if (!REDIRECTS.has(status) || headers.location === undefined) return undefined;
  const next = new URL(headers.location, url);
  if (url.protocol === 'https:' && next.protocol !== 'https:')
    throw new Error('the redirect leads away from https');
  return next;
}

/**
 * `fetch`, as far as this product needs it, within a reach. An answer has at most 256 KiB and 10 seconds; of a GET with
 * `redirect: 'follow'` (the default) three redirects are followed.
 */
export async function fetchWithin(
  reach: Reach,
  address: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  // A Request sets the headers and writes the body as fetch does.
  const request = new Request(address, init);
  const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
  const { method } = request;
  const outgoing = {
    method,
    headers: Object.fromEntries(request.headers),
    body,
    reach,
    signal: request.signal,
  };
  let url = new URL(request.url);
  for (let redirects = 0; ; redirects += 1) {
    const answered = await exchange(url, outgoing);
    const next = redirectOf(url, answered);
    if (next && request.redirect === 'error') throw new Error('the answer is a redirect');
    if (next && request.redirect === 'follow' && method === 'GET') {
      if (redirects === MOST_REDIRECTS) throw new Error('too many redirects');
      url = next;
      continue;
    }
    const headers = new Headers();
    for (const [name, value] of Object.entries(answered.headers))
      for (const each of [value ?? []].flat()) headers.append(name, each);
    const { status } = answered;
    return new Response(WITHOUT_BODY.has(status) ? null : new Uint8Array(answered.body), { status, headers });
  }
}
