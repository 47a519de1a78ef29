import type { Pool } from 'undici';
import { AddressRefused } from '../../../kernel/checked-addresses.js';
import { parse } from '../../../kernel/json.js';
import { openOutboundPool } from '../../../kernel/outbound-pool.js';
import type { Reach } from '../../../kernel/private-networks.js';
import { shownText } from '../../../kernel/shown-text.js';
import { withoutSecret } from '../../secrets.js';

/** GitHub's REST API through the outbound guard (https://docs.github.com/rest, version 2022-11-28). */

const VERSION = '2022-11-28';
const TIMEOUT_MS = 30_000;
/** For all requests of a client: each of hundreds could take its time, and other jobs wait. */
const TOTAL_MS = 300_000;
const LARGEST = 4 * 1024 * 1024;
const LONGEST_MESSAGE = 300;
const MOST_PAGES = 50;

/** The message says what to change. */
export class GithubProblem extends Error {
  override name = 'GithubProblem';
  constructor(
    message: string,
    /** Of the answer; 0 where there is none. */
    readonly status: number,
    /** Codes of the errors that GitHub names: `already_exists`. */
    readonly codes: readonly string[] = [],
  ) {
    super(message);
  }
}

export interface GithubOptions {
  apiUrl: string;
  token: string | null;
  userAgent: string;
  reach: Reach;
  signal: AbortSignal;
  /** Milliseconds for one request. */
  timeout?: number;
  /** Milliseconds for all of them. */
  total?: number;
}

interface Answer {
  status: number;
  body: unknown;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface GithubClient {
  /** @param path below the address of the API @throws GithubProblem for each answer that is no success */
  get(path: string): Promise<unknown>;
  post(path: string, body: object): Promise<unknown>;
  /** All pages of a list. @throws GithubProblem */
  list(path: string): Promise<unknown[]>;
  close(): Promise<void>;
}

const header = ({ headers }: Answer, name: string): string => [headers[name] ?? ''].flat().join(', ');

/** What a server says, as a line that is safe to show. */
const plain = (value: unknown): string =>
  shownText((typeof value === 'string' ? value : '').slice(0, LONGEST_MESSAGE));

/** Seconds until GitHub answers again; undefined where it is not because of a limit that it does not. */
function limitedFor(answer: Answer, now: number): number | undefined {
  if (answer.status !== 403 && answer.status !== 429) return undefined;
  const after = Number.parseInt(header(answer, 'retry-after'), 10);
  if (Number.isSafeInteger(after) && after >= 0) return after;
  const reset = Number.parseInt(header(answer, 'x-ratelimit-reset'), 10);
  if (header(answer, 'x-ratelimit-remaining') === '0' && Number.isSafeInteger(reset))
    return Math.max(0, reset - Math.floor(now / 1000));
  return answer.status === 429 ? 60 : undefined;
}

const ADVICE: Readonly<Record<number, string>> = {
  401: 'set a token in GithubOptions that has not expired',
  403: 'the token needs permission to write issues and contents of the repository',
  404: 'there is no such repository, or the token does not show it; correct owner, repo or the token',
};

function problemOf(answer: Answer, token: string | null): GithubProblem {
  const { message, errors } = (answer.body ?? {}) as { message?: unknown; errors?: unknown };
  const codes = (Array.isArray(errors) ? (errors as unknown[]) : []).flatMap((error) => {
    const { code } = (error ?? {}) as { code?: unknown };
    return typeof code === 'string' ? [code] : [];
  });
  const wait = limitedFor(answer, Date.now());
  const advice =
    wait === undefined ? ADVICE[answer.status] : `its limit of requests is reached; try again in ${wait} s`;
  // Before it is cut: a part of the token would not be found.
  const said = plain(typeof message === 'string' ? withoutSecret(message, token) : undefined);
  return new GithubProblem(
    [`GitHub answers ${answer.status}`, said && `: ${said}`, advice && `; ${advice}`]
      .filter(Boolean)
      .join(''),
    answer.status,
    codes,
  );
}

/** The address of the next page (RFC 8288); undefined on the last one. */
function nextIn(answer: Answer): string | undefined {
  const links = header(answer, 'link').slice(0, 8000).split(',');
  const next = links.find((link) => /;\s*rel="?next"?/.test(link));
  return next && /<([^<>]*)>/.exec(next)?.[1];
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > LARGEST) throw new GithubProblem('GitHub answers with too much', 0);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

/** What an answer has, if it is JSON. */
function jsonOf(text: string): unknown {
  try {
    return text === '' ? undefined : parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(error: unknown, { signal }: GithubOptions, late: AbortSignal): unknown {
  if (error instanceof GithubProblem) return error;
  if (signal.aborted) return signal.reason;
  if (error instanceof AddressRefused)
    return new GithubProblem(
      'apiUrl is in a private network, which this server does not connect to; the operator can allow it with outbound.allow',
      0,
    );
  if (late.aborted) return new GithubProblem('GitHub did not answer in time; try again', 0);
  return new GithubProblem('GitHub cannot be reached; see that apiUrl is right', 0);
}

export function openGithub(options: GithubOptions): GithubClient {
  const base = options.apiUrl.replace(/\/+$/, '');
  const origin = new URL(base);
  const over = AbortSignal.timeout(options.total ?? TOTAL_MS);
  let pool: Pool | undefined;
  const headers = {
    accept: 'application/vnd.github+json',
    'accept-encoding': 'identity',
    'x-github-api-version': VERSION,
    'user-agent': options.userAgent,
    ...(options.token !== null && { authorization: `Bearer ${options.token}` }),
  };

  async function ask(method: 'GET' | 'POST', url: URL, sent?: object): Promise<Answer> {
    const late = AbortSignal.any([over, AbortSignal.timeout(options.timeout ?? TIMEOUT_MS)]);
    try {
      pool ??= openOutboundPool(origin, options.reach, { connections: 1 });
      const {
        statusCode,
        headers: answered,
        body,
      } = await pool.request({
        path: `${url.pathname}${url.search}`,
        method,
        headers: { ...headers, ...(sent && { 'content-type': 'application/json' }) },
        body: sent ? JSON.stringify(sent) : null,
        signal: AbortSignal.any([options.signal, late]),
      });
      body.on('error', () => undefined); // of one that is not read to its end
      const answer = { status: statusCode, headers: answered, body: jsonOf(await textOf(body)) };
      if (statusCode < 200 || statusCode > 299) throw problemOf(answer, options.token);
      return answer;
    } catch (error) {
      throw unreachable(error, options, late);
    }
  }

  return {
    get: async (path) => (await ask('GET', new URL(base + path))).body,
    post: async (path, body) => (await ask('POST', new URL(base + path), body)).body,
    async list(path) {
      const all: unknown[] = [];
      let next: string | undefined = base + path;
      for (let page = 0; next !== undefined && page < MOST_PAGES; page += 1) {
        const url: URL | null = URL.parse(next, base);
        // The token goes to this server only.
        if (url?.origin !== origin.origin) throw new GithubProblem('GitHub names a next page elsewhere', 0);
        const answer = await ask('GET', url);
        if (!Array.isArray(answer.body))
          throw new GithubProblem('GitHub does not answer a list; see that apiUrl is right', 0);
        all.push(...(answer.body as unknown[]));
        next = nextIn(answer);
      }
      return all;
    },
    close: async () => pool?.destroy(),
  };
}
