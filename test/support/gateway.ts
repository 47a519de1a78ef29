import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { call, clientToken, type ApiAnswer } from './management.js';
import { send, type Heard, type Said } from './http.js';
import { startServer, type TestServer } from './server.js';
import type { StoreKind } from './config.js';

/** A backend of a test on this machine. */
export interface Backend {
  /** `127.0.0.1:port`, as `outbound.allow` names it. */
  host: string;
  url: string;
  /** What it was asked, oldest first. */
  asked: { method: string; url: string; headers: IncomingMessage['headers'] }[];
  close(): Promise<void>;
}

const echo = ({ method, url }: IncomingMessage, response: ServerResponse): void =>
  void response.end(`${method} ${url}`);

/** A real HTTP server that answers with the method and the target that it was asked, or as `answer` does. */
export async function startBackend(answer: RequestListener = echo): Promise<Backend> {
  const asked: Backend['asked'] = [];
  const server = createServer((request, response) => {
    asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A server that may reach these backends. */
export const startGateway = (
  kind: StoreKind,
  backends: readonly Pick<Backend, 'host'>[],
  more: Record<string, string> = {},
  file: Record<string, unknown> = {},
): Promise<TestServer> =>
  startServer(kind, { GATEHOUSE_OUTBOUND_ALLOW: backends.map(({ host }) => host).join(), ...more }, file);

/** A document of operations, each `GET /path` with the scopes that it asks; null where it is open. */
export function documentOf(
  operations: Readonly<Record<string, readonly string[] | null>>,
  title = 'Orders',
): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [key, scopes] of Object.entries(operations)) {
    const [method = '', path = ''] = key.split(' ');
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    (paths[path] ??= {})[method.toLowerCase()] = {
      ...(names.length > 0 && {
        parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      }),
      security: scopes === null ? [] : [{ gatehouse: scopes }],
      responses: { 200: { description: 'It is there' } },
    };
  }
  return {
    openapi: '3.0.3',
    info: { title, version: '1' },
    components: {
      securitySchemes: {
        gatehouse: {
          type: 'openIdConnect',
          openIdConnectUrl: 'https://id.example.com/.well-known/openid-configuration',
        },
      },
    },
    paths,
  };
}

/** An API team's calls of the management API. */
export class ApiTeam {
  constructor(
    readonly server: TestServer,
    readonly token: string,
    readonly id: string,
  ) {}

  /** Makes an API resource; the team has a client of its own that may do everything. */
  static async begin(server: TestServer, name: string, scopes: string[]): Promise<ApiTeam> {
    const token = await clientToken(server, ['isms.all']);
    const json = { name, scopes: scopes.map((scope) => ({ name: scope })) };
    const { data } = await call(server, { method: 'POST', path: '/api/ApiResource', token, json });
    return new ApiTeam(server, token, String(data['id']));
  }

  call(method: string, path: string, json?: unknown): Promise<ApiAnswer> {
    return call(this.server, { method, path: `/api/ApiResource/${this.id}${path}`, token: this.token, json });
  }

  publish(json: Record<string, unknown>): Promise<ApiAnswer> {
    return this.call('PUT', '/Publish', json);
  }

  publishRevision(json: Record<string, unknown>): Promise<ApiAnswer> {
    return this.call('POST', '/PublishRevision', json);
  }

  setOnline(revisionId: string, json?: unknown): Promise<ApiAnswer> {
    return this.call('POST', `/Versions/${revisionId}`, json);
  }

  gateway(method: string, path: string, json?: unknown): Promise<ApiAnswer> {
    return call(this.server, { method, path: `/api/Gateway${path}`, token: this.token, json });
  }
}

/** A call through the gateway. */
export const through = (
  server: Pick<TestServer, 'issuer'>,
  path: string,
  { token, ...said }: Said & { token?: string } = {},
): Promise<Heard> =>
  send(new URL(`/gateway/${path}`, server.issuer), {
    ...said,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...said.headers },
  });

/** The word of a problem document: `token` of `urn:gatehouse:gateway:token`. */
export const problemOf = ({ status, text }: Heard): [status: number, word: string] => [
  status,
  String((JSON.parse(text) as { type: string }).type).replace('urn:gatehouse:gateway:', ''),
];
