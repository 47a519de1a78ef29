import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { Pool } from 'undici';
import { checkPath, routerOf } from '../src/gateway/documents/index.js';
import { askForBody, openPlane, type AccessSteps } from '../src/gateway/plane/index.js';
import { openPolicies } from '../src/gateway/policies/index.js';
import type { CompiledDocument, LiveApi, LiveRevision } from '../src/gateway/types.js';
import { openOutboundPool } from '../src/kernel/outbound-pool.js';
import { hasBody, setFacts } from '../src/kernel/request.js';
import { settleTarget } from '../src/kernel/target.js';
import type { Tenant } from '../src/tenants/index.js';
import { ApiTeam, documentOf as openApiOf, startGateway } from '../test/support/gateway.js';
import { clientToken } from '../test/support/management.js';

/**
 * The servers of bench/gateway.ts, each in a process of its own: the backend, a bare proxy on `Pool.dispatch`, the data plane with
 * checks that let each call go on, and the whole server with an API that asks for a token (`product`) or for none (`open`).
 */
const [role = '', backend = '', apis = '1'] = process.argv.slice(2);
const SMALL = Buffer.from(JSON.stringify({ text: 'x'.repeat(1013) }));
const PIECE = Buffer.alloc(64 * 1024);
const OPERATIONS = 50;

/** Answers with 1 KB, with as many bytes as `?bytes=` says, or with how many it was sent. */
const answerAsBackend: RequestListener = (request, response) => {
  const bytes = Number(new URL(request.url ?? '/', 'http://backend').searchParams.get('bytes') ?? 0);
  if (request.method === 'POST') {
    let got = 0;
    request.on('data', (chunk: Buffer) => (got += chunk.length));
    request.on('end', () => response.end(String(got)));
    return;
  }
  if (bytes === 0) {
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': SMALL.length });
    response.end(SMALL);
    return;
  }
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      left -= PIECE.length;
      if (!response.write(PIECE)) return;
    }
    response.end();
  };
  response.on('drain', more);
  more();
};

/** As little as a proxy can do. */
function bareProxy(): RequestListener {
  const pool = new Pool(backend);
  return (request, response: ServerResponse) =>
    void pool.dispatch(
      {
        path: (request.url ?? '').replace(/^\/gateway\/[^/]+/, ''),
        method: request.method ?? 'GET',
        headers: { accept: request.headers.accept ?? '*/*' },
        body: hasBody(request) ? request : null,
      },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, status, headers) => void response.writeHead(status, headers),
        onResponseData(controller, chunk) {
          if (response.write(chunk)) return;
          controller.pause();
          response.once('drain', () => controller.resume());
        },
        onResponseEnd: () => void response.end(),
        onResponseError: () => void response.destroy(),
      },
    );
}

const documentOf = (nth: number): CompiledDocument => ({
  type: 'openapi-3.0',
  title: `API ${nth}`,
  firstSegments: [],
  operations: Array.from({ length: OPERATIONS }, (_, n) => {
    const method = n % 2 === 0 ? 'GET' : 'POST';
    const path = `/resources-${n >> 1}/{id}/parts/{part}`;
    return { key: `${method} ${path}`, method, path, open: true, scopes: [], permissions: [] };
  }),
});

function apiOf(nth: number): LiveApi {
  const document = documentOf(nth);
  const revision: LiveRevision = {
    id: `r${nth}`,
    number: 1,
    serviceUrl: new URL(backend),
    policy: undefined,
    document: () => Promise.resolve(document),
    openapi: () => Promise.reject(new Error('not asked for')),
  };
  const version = {
    ...{
      apiId: `api-${nth}`,
      name: '',
      authServer: 'none' as const,
      scope: [],
      passToken: false,
      products: [],
    },
    current: revision,
    revisions: new Map([[1, revision]]),
  };
  const suffix = `api-${nth}`;
  return {
    ...{ id: suffix, name: suffix, audience: suffix, suffix, scheme: { in: 'path' } },
    versions: new Map([['', version]]),
  };
}

const ACCESS: AccessSteps = {
  token: () => undefined,
  scopes: () => undefined,
  permissions: () => undefined,
  productKey: () => undefined,
  limits: () => undefined,
  callerHeader: () => undefined,
};

function planeProxy(): RequestListener {
  const bySuffix = new Map(Array.from({ length: Number(apis) }, (_, nth) => [`api-${nth}`, apiOf(nth)]));
  let calls = 0;
  const plane = openPlane({
    bySuffix: (_tenant, suffix) => bySuffix.get(suffix),
    routes: { checkPath, routerOf },
    access: ACCESS,
    policies: openPolicies({ askForBody }),
    openPool: (_tenant, origin) => openOutboundPool(origin, ['127.0.0.1']),
    usage: () => void (calls += 1),
    trustsProxy: () => false,
    certificateHeader: 'x-client-certificate',
    log: pino({ level: 'silent' }),
  });
  const tenant = { id: 'home', name: 'home', issuer: 'https://id.example' } as Tenant;
  return (request, response) => {
    settleTarget(request);
    const facts = { requestId: 'bench-request', address: '203.0.113.7', startedAt: Date.now() };
    setFacts(request, facts);
    void plane.handle(request, response, tenant, facts);
  };
}

/** The server as people run it, with an API that asks for a token or for none. Answers its port, and a token for the API. */
async function product(authorizationServerId: 'self' | 'none'): Promise<[port: number, token: string]> {
  const server = await startGateway('sqlite', [new URL(backend)]);
  const team = await ApiTeam.begin(server, 'api-0', ['read']);
  const operations = Array.from(
    { length: OPERATIONS },
    (_, n) =>
      [`${n % 2 === 0 ? 'GET' : 'POST'} /resources-${n >> 1}/{id}/parts/{part}`, ['api-0.read']] as const,
  );
  const published = await team.publish({
    suffix: 'api-0',
    serviceUrl: backend,
    authorizationServerId,
    document: openApiOf(Object.fromEntries(operations)),
  });
  if (published.status !== 200) throw new Error(JSON.stringify(published.body));
  return [Number(new URL(server.issuer).port), await clientToken(server, ['api-0.read'])];
}

const LISTENERS: Record<string, () => RequestListener> = {
  backend: () => answerAsBackend,
  bare: bareProxy,
  plane: planeProxy,
};

if (role === 'product' || role === 'open') {
  const [port, token] = await product(role === 'open' ? 'none' : 'self');
  console.log(`${role} takes ${token} and listens at ${port}.`);
} else {
  const listener = LISTENERS[role]?.();
  if (!listener) throw new Error(`no such role: ${role}`);
  const server = createServer({ keepAliveTimeout: 65_000 }, listener);
  server.listen(0, '127.0.0.1', () => {
    console.log(`${role} listens at ${(server.address() as AddressInfo).port}.`);
  });
}
