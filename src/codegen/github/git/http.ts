import type { GitHttpRequest, GitHttpResponse, HttpClient } from 'isomorphic-git';
import type { Pool } from 'undici';
import { AddressRefused } from '../../../kernel/checked-addresses.js';
import { openOutboundPool } from '../../../kernel/outbound-pool.js';
import type { Reach } from '../../../kernel/private-networks.js';
import { GitProblem } from './problem.js';

/** Git over HTTP through the outbound guard. */

export interface GitHttpOptions {
  /** Requests go to its origin only. */
  remote: URL;
  token: string | null;
  reach: Reach;
  /** Milliseconds for one request and its answer. */
  timeout: number;
  /** Bytes of one answer. */
  largest: number;
}

export interface GitHttp extends HttpClient {
  /** @throws GitProblem for each answer that is not 200 */
  request(request: GitHttpRequest): Promise<GitHttpResponse>;
  close(): Promise<void>;
}

const authorization = (token: string): string =>
  `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;

/** Names of headers in lower case, of which the last one counts. */
const lowerCase = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

async function bytesOf(body: GitHttpRequest['body']): Promise<Buffer | undefined> {
  if (body === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of body as AsyncIterable<Uint8Array>) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** @throws GitProblem */
function checkStatus(status: number): void {
  if (status === 200) return;
  if (status === 401 || status === 403)
    throw new GitProblem(
      'refused',
      `the Git server answers ${status}; set a token in GithubOptions that may write to the repository and has not expired`,
    );
  if (status === 404)
    throw new GitProblem(
      'missing',
      'the Git server answers 404: there is no such repository, or the token does not show it; correct remoteUrl or the token',
    );
  if (status >= 300 && status < 400)
    throw new GitProblem(
      'redirect',
      'the Git server redirects, and a token is not sent elsewhere; give the address itself as remoteUrl',
    );
  throw new GitProblem('status', `the Git server answers ${status}; try again, or see what is wrong with it`);
}

/** What went wrong, without the words of the network: they have addresses in them. */
function problemOf(error: unknown, signal: AbortSignal): GitProblem {
  if (error instanceof GitProblem) return error;
  if (error instanceof AddressRefused)
    return new GitProblem(
      'private',
      'the Git server is in a private network, which this server does not connect to; give a public one, or ask the operator to allow it with outbound.allow',
    );
  const { code } = error as { code?: string };
  if (signal.aborted || /_TIMEOUT$/.test(code ?? ''))
    return new GitProblem('timeout', 'the Git server did not answer in time; try again');
  return new GitProblem(
    'unreachable',
    'the Git server cannot be reached; see that remoteUrl is right and that it answers',
  );
}

/** @throws GitProblem for more bytes than `largest` */
async function collected(body: AsyncIterable<Buffer>, largest: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > largest)
      throw new GitProblem(
        'tooLarge',
        `the Git server sends more than ${largest} bytes; use a branch with fewer and smaller files`,
      );
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

export function openGitHttp({ remote, token, reach, timeout, largest }: GitHttpOptions): GitHttp {
  let pool: Pool | undefined;
  async function send({ url, method = 'GET', headers = {}, body }: GitHttpRequest, signal: AbortSignal) {
    const to = new URL(url);
    if (to.origin !== remote.origin) throw new Error('a request of Git would leave its server');
    pool ??= openOutboundPool(remote, reach, {
      connections: 1,
      headersTimeout: timeout,
      bodyTimeout: timeout,
    });
    return pool.request({
      path: `${to.pathname}${to.search}`,
      method: method === 'POST' ? 'POST' : 'GET',
      headers: {
        ...lowerCase(headers),
        'user-agent': 'git/gatehouse',
        'accept-encoding': 'identity',
        ...(token !== null && { authorization: authorization(token) }),
      },
      body: (await bytesOf(body)) ?? null,
      signal,
    });
  }
  return {
    async request(request) {
      const signal = AbortSignal.timeout(timeout);
      try {
        const { statusCode, headers, body } = await send(request, signal);
        body.on('error', () => undefined); // of one that is not read to its end
        checkStatus(statusCode);
        return {
          url: request.url,
          method: request.method ?? 'GET',
          statusCode,
          statusMessage: '',
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]),
          ),
          body: [await collected(body, largest)] as unknown as AsyncIterableIterator<Uint8Array>,
        };
      } catch (error) {
        throw problemOf(error, signal);
      }
    },
    close: async () => pool?.destroy(),
  };
}
