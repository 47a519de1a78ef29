import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import pino from 'pino';
import {
  openPlane,
  PREFIX,
  upgradeListener,
  type AccessSteps,
  type Plane,
  type PlaneBase,
  type PolicyRunner,
  type UsageEntry,
} from '../../../src/gateway/plane/index.js';
import { checkPath, routerOf } from '../../../src/gateway/documents/index.js';
import { compilePolicy } from '../../../src/gateway/policies/index.js';
import type {
  CompiledDocument,
  LiveApi,
  LiveRevision,
  LiveVersion,
  Policy,
} from '../../../src/gateway/types.js';
import { answeringProxies } from '../../../src/gateway/proxies.js';
import { settleHeaders } from '../../../src/kernel/forwarded.js';
import { openOutboundPool } from '../../../src/kernel/outbound-pool.js';
import { setFacts, type RequestFacts } from '../../../src/kernel/request.js';
import { settleTarget } from '../../../src/kernel/target.js';
import { whenClosed } from '../../../src/kernel/when-closed.js';
import type { Tenant } from '../../../src/tenants/index.js';
import { REACH, startFront, type Face } from './faces.js';

/** A document of operations, each `GET /path`. */
export const documentOf = (...keys: string[]): CompiledDocument => ({
  type: 'openapi-3.0',
  title: 'Orders',
  firstSegments: [],
  operations: keys.map((key) => {
    const [method = '', path = ''] = key.split(' ');
    return { key, method, path, open: true, scopes: [], permissions: [] };
  }),
});

let revisions = 0;

export function revisionOf(
  serviceUrl: string,
  document: CompiledDocument,
  { number = 1, policy }: { number?: number; policy?: Policy } = {},
): LiveRevision {
  revisions += 1;
  return {
    id: `revision-${revisions}`,
    number,
    serviceUrl: new URL(serviceUrl),
    policy,
    document: () => Promise.resolve(document),
    openapi: () => Promise.reject(new Error('this test needs no whole document')),
  };
}

export const versionOf = (name: string, ...online: [LiveRevision, ...LiveRevision[]]): LiveVersion => ({
  apiId: `version-${name}`,
  name,
  authServer: 'none',
  scope: [],
  passToken: false,
  products: [],
  current: online[0],
  revisions: new Map(online.map((revision) => [revision.number, revision])),
});

export const apiOf = (...versions: LiveVersion[]): LiveApi => ({
  id: 'api',
  name: 'Orders',
  audience: 'orders',
  suffix: 'orders',
  scheme: { in: 'path' },
  versions: new Map(versions.map((version) => [version.name, version])),
});

/** An API of one version, which has one revision. */
export const apiAt = (
  serviceUrl: string,
  document: CompiledDocument,
  { suffix = 'orders', ...revision }: { suffix?: string; policy?: Policy } = {},
): LiveApi => ({ ...apiOf(versionOf('', revisionOf(serviceUrl, document, revision))), suffix });

/** Steps that let each call go on. */
export const openAccess: AccessSteps = {
  token: () => undefined,
  scopes: () => undefined,
  permissions: () => undefined,
  productKey: () => undefined,
  limits: () => undefined,
  callerHeader: () => undefined,
};

export const openPolicies: PolicyRunner = {
  compile: compilePolicy,
  address: () => undefined,
  preflight: () => undefined,
  corsHeaders: () => undefined,
  validate: () => undefined,
  mock: () => undefined,
  cache: () => undefined,
};

export interface TestPlane {
  /** Where calls go: its own, or that of nginx in front. */
  port: number;
  /** What was decided of each call that nginx asked about, oldest first. */
  decisions: ('forward' | 'refuse' | 'hand over')[];
  plane: Plane;
  server: Server;
  usage: UsageEntry[];
  /** What the plane did not answer itself. */
  errors: unknown[];
  close(): Promise<void>;
}

const CERTIFICATE_HEADER = 'x-client-certificate';
const TENANT = { id: 'home', name: 'home', issuer: 'https://id.example:8443' } as Tenant;

const DECISIONS: Record<number, TestPlane['decisions'][number]> = {
  204: 'forward',
  401: 'hand over',
  403: 'refuse',
};

/** A server that gives each request to a plane as the app does, by itself or behind nginx. */
export async function startPlane(
  apis: readonly LiveApi[],
  { through = 'direct', ...changes }: Partial<PlaneBase> & { through?: Face } = {},
): Promise<TestPlane> {
  const decisions: TestPlane['decisions'] = [];
  const usage: UsageEntry[] = [];
  const errors: unknown[] = [];
  const log = changes.log ?? pino({ level: 'silent' });
  const plane = openPlane({
    bySuffix: (_tenant, suffix) => apis.find((api) => api.suffix === suffix),
    routes: { checkPath, routerOf },
    access: openAccess,
    policies: openPolicies,
    openPool: (_tenant, origin) => openOutboundPool(origin, REACH),
    usage: (entry) => void usage.push(entry),
    trustsProxy: () => false,
    certificateHeader: CERTIFICATE_HEADER,
    log,
    ...changes,
  });
  const handle = answeringProxies(plane, () => through === 'nginx', log);
  const server = createServer({ keepAliveTimeout: 65_000 });
  const listener: RequestListener = (request, response) => {
    settleTarget(request);
    const address = (request.headers['x-test-address'] as string | undefined) ?? '203.0.113.7';
    const facts: RequestFacts = { requestId: 'request-0001', address, startedAt: Date.now() };
    setFacts(request, facts);
    settleHeaders(request, new URL(TENANT.issuer), address, facts.requestId);
    if (request.url === '/gateway/authorize')
      whenClosed(response, () => decisions.push(DECISIONS[response.statusCode] ?? 'hand over'));
    void (async () => handle(request, response, TENANT, facts))().catch((error: unknown) => {
      errors.push(error);
      response.destroy();
    });
  };
  server.on('request', listener).on('checkContinue', listener).on('checkExpectation', listener);
  server.on('upgrade', upgradeListener(server, listener, isOurs));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = (server.address() as AddressInfo).port;
  const front =
    through === 'nginx'
      ? await startFront({ tenant: TENANT, apis }, { port: own, certificateHeader: CERTIFICATE_HEADER })
      : undefined;
  return {
    port: front?.port ?? own,
    decisions,
    plane,
    server,
    usage,
    errors,
    async close() {
      await front?.stop();
      plane.endTunnels();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await plane.close();
    },
  };
}

const isOurs = ({ url = '' }: IncomingMessage): boolean => url.startsWith(PREFIX);

export interface TestBackend {
  url: string;
  server: Server;
  /** Connections that are open. */
  sockets: Set<Socket>;
  /** Connections that were made so far. */
  connections: number;
  close(): Promise<void>;
}

/** A real backend on this machine. */
export async function startBackend(listener: RequestListener): Promise<TestBackend> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<Socket>();
  const backend: TestBackend = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    sockets,
    connections: 0,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  server.on('connection', (socket) => {
    backend.connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return backend;
}

/** A backend that speaks for itself: it gets each connection. */
export async function startRawBackend(connected: (socket: Socket) => void): Promise<TestBackend> {
  const backend = await startBackend(() => undefined);
  backend.server.removeAllListeners('connection');
  backend.server.on('connection', (socket: Socket) => {
    backend.connections += 1;
    backend.sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => backend.sockets.delete(socket));
    socket.on('end', () => socket.end());
    connected(socket);
  });
  return backend;
}
