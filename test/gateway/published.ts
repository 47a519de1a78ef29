import { Pool } from 'undici';
import { insertApiResource, newApiResource } from '../../src/api-resources/index.js';
import type { StoreKind } from '../support/config.js';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { ApiTeam, startBackend, startGateway, type Backend } from '../support/gateway.js';
import { clientToken, type ApiAnswer } from '../support/management.js';
import { freePort } from '../support/ports.js';
import type { TestServer } from '../support/server.js';
import type { Described } from './described.js';
import type { Made } from './requests-near.js';

/** Who calls: with a token of all scopes, with one of a scope that no document names, without a token. */
export type Who = 'full' | 'weak' | 'nobody';

export interface Sent extends Made {
  who: Who;
}

export interface Published {
  server: TestServer;
  /**
   * Publishes a document as the next API. The backend is told which of the named operations a call is of.
   * @param source `document` or `swaggerUrl`.
   */
  publish(source: object, named: readonly Described[]): Promise<ApiAnswer & { api: string; team: ApiTeam }>;
  /**
   * Sends requests to an API, several at once.
   * @returns how each ended (status, word of the problem, Allow), and what came to the backend, in the order of the requests:
   * method, path and operation.
   */
  callAll(api: string, requests: readonly Sent[]): Promise<{ answers: string[]; asked: string[] }>;
  /** One request with a token of all scopes: its body is JSON, or a form where it is none. @returns status and word. */
  callOnce(api: string, request: { method: string; path: string; body: string | undefined }): Promise<string>;
  close(): Promise<void>;
}

const CALLERS = 16;
const SCOPE = { full: 'all', weak: 'none' } as const;
const scopesOf = (api: string): string[] => Object.values(SCOPE).map((scope) => `${api}.${scope}`);

/** Adds API resources. @returns their ids. */
const addApis = (server: TestServer, names: readonly string[]): Promise<string[]> =>
  server.change(async (db) => {
    const made: string[] = [];
    for (const name of names) made.push(await insertApiResource(db, newApiResource(name, scopesOf(name))));
    return made;
  });

interface Request {
  method: string;
  body?: string | undefined;
  headers?: Record<string, string>;
}

/** Calls the gateway. @returns status, word of the problem, Allow. */
const askerOf =
  ({ issuer }: TestServer, pool: Pool) =>
  async (path: string, token: string | undefined, { method, body, headers }: Request): Promise<string> => {
    const answer = await pool.request({
      method,
      path: `/gateway/${path}`,
      headers: {
        host: new URL(issuer).host,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    });
    const text = await answer.body.text();
    const word = text && String((JSON.parse(text) as { type: string }).type).replace(/.*:/, '');
    return [answer.statusCode, word, answer.headers['allow']].filter(Boolean).join(' ');
  };

/** Gets tokens of one of the scopes of an API. */
async function tokensOf(
  server: TestServer,
  apis: readonly string[],
): Promise<(api: string, scope: string) => Promise<string>> {
  const secret = await server.addClient('caller', {
    grantTypes: [GRANT_TYPES.clientCredentials],
    scopes: apis.flatMap(scopesOf),
  });
  return async (api, scope) => {
    const form = { grant_type: 'client_credentials', scope: `${api}.${scope}` };
    const { body } = await server.post('/connect/token', form, server.basic('caller', secret));
    return String(body['access_token']);
  };
}

/** What came to the backend, in the order of the requests, which each have their number in the query. */
const askedOf = ({ asked }: Backend): string[] =>
  asked
    .map(({ method, url, headers }) => {
      const [, target = '', at] = /^(.*)\?at=(\d+)$/.exec(url) ?? [];
      return { at: Number(at), line: `${method} ${target} ${String(headers['x-operation'])}` };
    })
    .sort((one, other) => one.at - other.at)
    .map(({ line }) => line);

/** Publishes documents at one server, over one backend. @param most how many at most. */
export async function openPublished(kind: StoreKind, most: number): Promise<Published> {
  const backend = await startBackend((_request, response) => void response.end());
  const port = String(await freePort());
  const server = await startGateway(kind, [backend], {
    PORT: port,
    GATEHOUSE_OUTBOUND_ALLOW: `${backend.host},localhost:${port}`,
  });
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CALLERS });
  const apis = Array.from({ length: most }, (_, at) => `d${at}`);
  const ids = await addApis(server, apis);
  const admin = await clientToken(server, ['isms.all']);
  const tokenOf = await tokensOf(server, apis);
  let used = 0;

  const ask = askerOf(server, pool);

  return {
    server,
    async publish(source, named) {
      const [api = '', id = ''] = [apis[used], ids[used]];
      used += 1;
      const team = new ApiTeam(server, admin, id);
      const operations = Object.fromEntries(
        named.map(({ key }, at) => [key, { setHeader: { request: { 'x-operation': String(at) } } }]),
      );
      const answer = await team.publish({
        suffix: api,
        serviceUrl: `${backend.url}/base/${api}`,
        policy: { operations },
        notify: false,
        ...source,
      });
      return { ...answer, api, team };
    },
    async callAll(api, requests) {
      backend.asked.length = 0;
      const tokens = { full: await tokenOf(api, SCOPE.full), weak: await tokenOf(api, SCOPE.weak) };
      const answers = await Promise.all(
        requests.map(({ method, path, who }, at) =>
          ask(`${api}${path}?at=${at}`, who === 'nobody' ? undefined : tokens[who], { method }),
        ),
      );
      return { answers, asked: askedOf(backend) };
    },
    async callOnce(api, { method, path, body }) {
      const type = body?.startsWith('{') ? 'application/json' : 'application/x-www-form-urlencoded';
      return ask(`${api}${path}`, await tokenOf(api, SCOPE.full), {
        method,
        body,
        headers: body === undefined ? {} : { 'content-type': type },
      });
    },
    async close() {
      await pool.close();
      await server.stop();
      await backend.close();
    },
  };
}
