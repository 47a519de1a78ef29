import type Libnpmpublish from 'libnpmpublish';
import { Failure, type Code } from '../../api/index.js';
import { objectOf, parse } from '../../kernel/json.js';
import type { Reach } from '../../kernel/private-networks.js';
import { whenNeeded } from '../../kernel/when-needed.js';
import { CODEGEN_CODES } from '../codes.js';
import { withoutSecret } from '../secrets.js';
import { askRegistry, RegistryUnreachable, type RegistryAnswer } from './registry-client.js';
import { relayed } from './registry-relay.js';

/** A registry of npm packages, and what it has of a package. */

const library = whenNeeded<typeof Libnpmpublish>('libnpmpublish');

export interface Registry {
  /** What the registry has of a package. @throws Failure: 502 200007 */
  read(name: string, signal: AbortSignal): Promise<Published>;
  /** Publishes a package by npm's own library. @throws Failure: 409 or 502, 200007 */
  publish(tarball: Buffer, manifest: Manifest, signal: AbortSignal): Promise<void>;
}

export interface Published {
  /** The version that is installed where none is named. */
  latest: string | undefined;
  /** The integrity (`sha512-…`) of a version; empty where the registry names none, undefined where it has not the version. */
  integrityOf(version: string): string | undefined;
}

/** The `package.json` of a package, and what else its registry is told of it. */
export interface Manifest extends Readonly<Record<string, unknown>> {
  name: string;
  version: string;
}

export interface RegistryOptions {
  /** Ends with a slash. */
  registry: URL;
  token: string | undefined;
  reach: Reach;
  /** For each request. */
  milliseconds?: number;
}

/** Packuments of packages with thousands of versions have some megabytes in this form. */
const ABBREVIATED = 'application/vnd.npm.install-v1+json';
const MOST_PACKUMENT = 16 * 1024 * 1024;
const MOST_WORDS = 500;
const USER_AGENT = 'Gatehouse';

const failed = (status: 409 | 502, message: string, code: Code = CODEGEN_CODES.registryFailed): Failure =>
  new Failure(status, code, { message });

/** The registry's own words: JSON with `error`, as npm's has, or the beginning of a text; nothing of a page. */
function wordsOf(body: unknown, token: string | undefined): string {
  const text = Buffer.isBuffer(body)
    ? body.toString()
    : typeof body === 'string'
      ? body
      : JSON.stringify(body ?? '');
  let said = text;
  try {
    const { error, reason, message } = objectOf(parse<unknown>(text));
    said = [error, reason, message].filter((each) => typeof each === 'string').join(': ') || text;
  } catch {
    // it is no JSON
  }
  if (/^\s*</.test(said)) return '';
  const plain = said.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return withoutSecret(plain, token).slice(0, MOST_WORDS);
}

const NO_TOKEN = 'the registry wants a token, and none is set: PUT one as `token` of NpmOptions';
const MEANINGS: Readonly<Record<number, string>> = {
  401: 'the registry does not accept the token: set a valid one in NpmOptions',
  403: 'the registry does not let this token publish the package',
  404: 'the registry has no such address, or hides the package from this token: check `registry` in NpmOptions',
  409: 'the registry has this version already',
};

function refusal(status: number, body: unknown, token: string | undefined): Failure {
  const words = wordsOf(body, token);
  const isAsked = status === 401 && token === undefined;
  const meaning = isAsked ? NO_TOKEN : (MEANINGS[status] ?? 'the registry does not take the package');
  return failed(status === 409 ? 409 : 502, `${meaning} (it answers ${status}${words && `: ${words}`})`);
}

/** What a request threw, for the caller. */
function failureOf(error: unknown, token: string | undefined): unknown {
  if (error instanceof RegistryUnreachable) return failed(502, error.message);
  const { statusCode, body } = error as { statusCode?: unknown; body?: unknown };
  return typeof statusCode === 'number' ? refusal(statusCode, body, token) : error;
}

const NONE: Published = { latest: undefined, integrityOf: () => undefined };

/** @throws Failure where the answer is no packument of this package */
function publishedIn({ body }: RegistryAnswer, name: string): Published {
  let packument: Record<string, unknown> = {};
  try {
    packument = objectOf(parse<unknown>(body.toString()));
  } catch {
    // it is refused below
  }
  if (packument['name'] !== name)
    throw failed(
      502,
      `the registry does not answer with what it has of "${name}"; see that its address is right`,
    );
  const versions = objectOf(packument['versions']);
  const { latest } = objectOf(packument['dist-tags']);
  return {
    latest: typeof latest === 'string' ? latest : undefined,
    integrityOf(version) {
      if (!Object.hasOwn(versions, version)) return undefined;
      const { integrity } = objectOf(objectOf(versions[version])['dist']);
      return typeof integrity === 'string' ? integrity : '';
    },
  };
}

/** Opens a registry for one release. */
export function openRegistry({ registry, token, reach, milliseconds }: RegistryOptions): Registry {
  const reachOf = (signal: AbortSignal) => ({
    registry,
    reach,
    signal,
    ...(milliseconds !== undefined && { milliseconds }),
  });
  return {
    async read(name, signal) {
      const path = `${registry.pathname}${encodeURIComponent(name).replace(/^%40/, '@')}`;
      const headers = {
        accept: ABBREVIATED,
        'user-agent': USER_AGENT,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      };
      try {
        const limits = { most: MOST_PACKUMENT, cut: false };
        const answer = await askRegistry(reachOf(signal), { method: 'GET', path, headers }, limits);
        if (answer.status === 404) return NONE;
        if (answer.status !== 200) throw refusal(answer.status, answer.body, token);
        return publishedIn(answer, name);
      } catch (error) {
        throw failureOf(error, token);
      }
    },
    async publish(tarball, manifest, signal) {
      // The library speaks plain HTTP with the relay. The address is otherwise the registry's: it is in what is published.
      const spoken = new URL(registry);
      spoken.protocol = 'http:';
      try {
        await relayed(reachOf(signal), (agent) =>
          library().publish(manifest as never, tarball, {
            agent,
            registry: spoken.href,
            forceAuth: token === undefined ? {} : { token },
            userAgent: USER_AGENT,
            fetchRetries: 0,
            timeout: 10 * 60_000, // the guarded client has the limit
          } as Parameters<typeof Libnpmpublish.publish>[2]),
        );
      } catch (error) {
        signal.throwIfAborted();
        throw failureOf(error, token);
      }
    },
  };
}
