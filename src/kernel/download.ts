import { Writable, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import { AddressRefused } from './checked-addresses.js';
import { openOutboundPool } from './outbound-pool.js';
import type { Reach } from './private-networks.js';

/** Fetches a document from an address that a caller gave, with bounds on time, bytes and redirects. */

export type DownloadFailure = 'private' | 'status' | 'timeout' | 'tooLarge' | 'redirect' | 'unreachable';

/** The message says what to change. It has nothing of the answer but its status, and no address that a name has. */
export class DownloadFailed extends Error {
  override name = 'DownloadFailed';
  constructor(
    readonly reason: DownloadFailure,
    message: string,
    /** For the log: undici's or the system's code, which names no address. */
    readonly code?: string,
  ) {
    super(message);
  }
}

export interface DownloadOptions {
  reach: Reach;
  /** Bytes of the document, as it is sent and after it is decoded. */
  maxBytes?: number;
  /** For all of it, redirects as well. */
  milliseconds?: number;
  redirects?: number;
}

export interface Downloaded {
  /** Where it was found, after redirects. */
  address: string;
  /** The `Content-Type` that it came with; empty where it had none. */
  type: string;
  body: Buffer;
}

const MAX_BYTES = 16 * 1024 * 1024;
const MILLISECONDS = 30_000;
const REDIRECTS = 5;
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);

const HEADERS = {
  accept: 'application/json, application/yaml, */*;q=0.5',
  'accept-encoding': 'gzip, br',
  'user-agent': 'Gatehouse',
};

const tooLarge = (maxBytes: number): DownloadFailed =>
  new DownloadFailed('tooLarge', `the document is larger than ${maxBytes} bytes; make it smaller`);

/** Keeps bytes up to a bound in one buffer, so that an answer in millions of pieces takes no more memory than one in one piece. */
class Collector extends Writable {
  #bytes = Buffer.alloc(0);
  #size = 0;

  constructor(private readonly maxBytes: number) {
    super();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    const size = this.#size + chunk.length;
    if (size > this.maxBytes) return done(tooLarge(this.maxBytes));
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(Math.min(this.maxBytes, Math.max(65_536, size * 2)));
      this.#bytes.copy(larger, 0, 0, this.#size);
      this.#bytes = larger;
    }
    chunk.copy(this.#bytes, this.#size);
    this.#size = size;
    done();
  }

  get collected(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }
}

/** Bounds what is sent too: gzip can go on for ever and decode to nothing. */
async function* bounded(source: Readable, maxBytes: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    yield chunk;
  }
}

/** The body of an answer, decoded. @throws DownloadFailed, Error for one that breaks off or cannot be decoded */
async function bodyOf(source: Readable, encoding: string, maxBytes: number): Promise<Buffer> {
  const collector = new Collector(maxBytes);
  if (encoding === '' || encoding === 'identity') await pipeline(source, collector);
  else if (encoding === 'gzip' || encoding === 'x-gzip')
    await pipeline(bounded(source, maxBytes), createGunzip(), collector);
  else if (encoding === 'br') await pipeline(bounded(source, maxBytes), createBrotliDecompress(), collector);
  else
    throw new DownloadFailed(
      'unreachable',
      'the server sends the document in a coding that was not asked for; let it send gzip, br or none',
    );
  return collector.collected;
}

type Headers = Record<string, string | string[] | undefined>;
const headerOf = (headers: Headers, name: string): string => [headers[name] ?? ''].flat().join(', ');

/** The answer to one GET: the document, or where it is. */
async function get(
  url: URL,
  { reach, maxBytes }: { reach: Reach; maxBytes: number },
  signal: AbortSignal,
): Promise<Downloaded | { location: string }> {
  const pool = openOutboundPool(url, reach, { connections: 1 });
  try {
    const path = `${url.pathname}${url.search}`;
    const answer = await pool.request({ path, method: 'GET', headers: HEADERS, signal });
    const { statusCode: status, headers, body } = answer;
    body.on('error', () => undefined); // of one that is not read to its end
    if (REDIRECT_STATUS.has(status)) return { location: headerOf(headers, 'location') };
    if (status !== 200)
      throw new DownloadFailed(
        'status',
        `the server answers ${status}; give an address that answers 200 to everybody`,
      );
    if (Number(headerOf(headers, 'content-length')) > maxBytes) throw tooLarge(maxBytes);
    const encoding = headerOf(headers, 'content-encoding').trim().toLowerCase();
    return {
      address: url.href,
      type: headerOf(headers, 'content-type'),
      body: await bodyOf(body, encoding, maxBytes),
    };
  } finally {
    await pool.destroy();
  }
}

/** An address of the web without its fragment, which is not sent. @throws DownloadFailed */
function webAddress(text: string, base: URL | undefined): URL {
  const reason = base ? 'redirect' : 'unreachable';
  const url = URL.parse(text, base?.href);
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new DownloadFailed(
      reason,
      base
        ? 'the address redirects to no web address; give the address of the document'
        : 'the address must begin with https:// or http://; correct it',
    );
  if (url.username !== '' || url.password !== '')
    throw new DownloadFailed(reason, 'the address has a user or a password, which is not sent; take it out');
  if (base?.protocol === 'https:' && url.protocol !== 'https:')
    throw new DownloadFailed(
      'redirect',
      'the address redirects from https to http; give the address of the document',
    );
  url.hash = '';
  return url;
}

/** What went wrong, without the words of the network: they have addresses in them. */
function failureOf(error: unknown, redirected: boolean, signal: AbortSignal): DownloadFailed {
  if (error instanceof DownloadFailed) return error;
  if (error instanceof AddressRefused)
    return new DownloadFailed(
      'private',
      `the address ${redirected ? 'redirects to' : 'is in'} a private network, which this server does not connect to; ` +
        'give a public one, or ask the operator to allow it with outbound.allow',
    );
  const { code } = error as { code?: string };
  if (signal.aborted || code === 'UND_ERR_CONNECT_TIMEOUT')
    return new DownloadFailed(
      'timeout',
      'the server did not send the document in time; try again, or send the document itself',
    );
  return new DownloadFailed(
    'unreachable',
    'the document cannot be read from the address; correct it, or see that its server answers',
    code,
  );
}

/**
 * Downloads a document by GET. Each redirect leads to an address that is checked like the first, and not from https to http.
 * Content codings gzip and br (RFC 9110, 8.4.1) are decoded.
 * @throws DownloadFailed
 */
export async function download(
  address: string,
  { reach, maxBytes = MAX_BYTES, milliseconds = MILLISECONDS, redirects = REDIRECTS }: DownloadOptions,
): Promise<Downloaded> {
  const signal = AbortSignal.timeout(milliseconds);
  let url = webAddress(address, undefined);
  for (let followed = 0; ; followed += 1) {
    try {
      const answer = await get(url, { reach, maxBytes }, signal);
      if ('body' in answer) return answer;
      if (answer.location === '')
        throw new DownloadFailed(
          'redirect',
          'the server redirects to nowhere; give the address of the document',
        );
      if (followed === redirects)
        throw new DownloadFailed(
          'redirect',
          `the address redirects more than ${redirects} times; give the address of the document`,
        );
      url = webAddress(answer.location, url);
    } catch (error) {
      throw failureOf(error, followed > 0, signal);
    }
  }
}
