import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findApiResourceByName } from '../../../src/api-resources/index.js';
import type { GatehouseContext } from '../../../src/context.js';
import { isProblem, openAccess, type Access, type AccessCall } from '../../../src/gateway/access/index.js';
import type { Problem } from '../../../src/gateway/plane/problem.js';
import type {
  Caller,
  CompiledOperation,
  LiveApi,
  LiveRevision,
  LiveVersion,
} from '../../../src/gateway/types.js';
import { originReader } from '../../../src/kernel/forwarded.js';
import { setFacts } from '../../../src/kernel/request.js';
import { openLimits } from '../../../src/limits/index.js';
import type { Gatehouse } from '../../../src/main.js';
import { openMessenger, openScreen } from '../../../src/messaging/index.js';
import { openArtifacts, openProviderPool, type ProviderPool } from '../../../src/oidc/index.js';
import { openRevocations } from '../../../src/revocations/index.js';
import { tenantDb } from '../../../src/store/index.js';
import { openTenantDirectory, type Tenant, type TenantDirectory } from '../../../src/tenants/index.js';
import { codeSender } from '../../../src/users/index.js';
import { send } from '../../support/http.js';

/** An operation as documents compile it, one that asks for a token and for nothing else. */
export const operation = (more: Partial<CompiledOperation> = {}): CompiledOperation => ({
  key: 'GET /items',
  method: 'GET',
  path: '/items',
  open: false,
  scopes: [],
  permissions: [],
  ...more,
});

export const revision = (more: Partial<LiveRevision> = {}): LiveRevision => ({
  id: 'r1',
  number: 1,
  serviceUrl: new URL('http://127.0.0.1:9'),
  policy: undefined,
  document: () => Promise.reject(new Error('no document is asked for')),
  openapi: () => Promise.reject(new Error('no document is asked for')),
  ...more,
});

export const version = (more: Partial<LiveVersion> = {}): LiveVersion => {
  const current = revision();
  return {
    apiId: 'a1',
    name: '',
    authServer: 'self',
    scope: [],
    passToken: false,
    products: [],
    current,
    revisions: new Map([[1, current]]),
    ...more,
  };
};

/** What of a call is not the request's. */
export type Called = Partial<Omit<AccessCall, 'request' | 'runtime' | 'api'>>;

/** What the steps say of a request, as the answer of the small server has it. */
export interface Outcome {
  status: number;
  headers: Headers;
  problem?: Problem;
  caller?: Omit<Caller, 'scopes'> & { scopes: string[] };
  [more: string]: unknown;
}

/** What a test lets the steps do with a call. */
export type Steps = (access: Access, call: AccessCall) => Promise<object>;

/** One node of the gateway's checks, with a server that takes real requests to it. */
export interface Node {
  access: Access;
  /** The tenant whose calls come here; the home tenant first. */
  tenant: Tenant;
  url: string;
  /** Sends a request through the steps. */
  call(
    headers?: Record<string, string>,
    called?: Called,
    more?: { path?: string; method?: string; steps?: Steps },
  ): Promise<Outcome>;
  close(): Promise<void>;
}

const tokenStep: Steps = async (access, call) => {
  const token = await access.token(call);
  if (isProblem(token)) return { problem: token };
  return token
    ? {
        caller: { ...token.caller, scopes: [...token.caller.scopes] },
        ...(token.responseHeaders && { responseHeaders: token.responseHeaders }),
      }
    : {};
};

/** The pool of tenants as a node of its own has it, over the store of a server that runs. */
function poolOf(context: GatehouseContext, { outbox }: Pick<Gatehouse, 'outbox'>): ProviderPool {
  const { config, store, vault, log, codes } = context;
  const limits = openLimits(store, log, { ...config.limits, shared: false });
  const screen = openScreen(() => undefined);
  const messenger = openMessenger({ config, store, vault, screen, tenantOf: async () => undefined });
  return openProviderPool({
    ...context,
    ...{ outbox, limits, messenger },
    sender: codeSender(codes, vault, config.codes),
    artifacts: openArtifacts(store),
    revocations: openRevocations(store),
  });
}

/** @param api the name of an API resource of the tenant. */
export async function openNode(gatehouse: Gatehouse, api: string, trustProxy: string[] = []): Promise<Node> {
  const { context, home } = gatehouse;
  const { store, log, config, people } = context;
  const directory: TenantDirectory = openTenantDirectory(store, log, config.tenants);
  const pool = poolOf(context, gatehouse);
  const access = openAccess({ store, log, people, config });
  const readOrigin = originReader(trustProxy, config.mtls.header);
  const waiting = new Map<string, { called: Called; steps: Steps }>();
  let sent = 0;

  const node = { access, tenant: home.tenant } as Node;
  async function answer(request: IncomingMessage): Promise<object> {
    const { address, certificate } = readOrigin(request);
    setFacts(request, { requestId: 'r', address, startedAt: Date.now(), certificate });
    const { called, steps } = waiting.get(String(request.headers['x-test'])) as {
      called: Called;
      steps: Steps;
    };
    const tenant = (await directory.byHost(new URL(node.tenant.issuer).host)) as Tenant;
    const runtime = await pool.get(tenant);
    const call: AccessCall = {
      ...{ request, runtime, api: await liveApi(context, tenant.id, api) },
      ...{ version: version(), revision: revision(), operation: operation() },
      ...called,
    };
    return steps(access, call);
  }

  const server: Server = createServer((request, response) => {
    answer(request).then(
      (outcome) => response.end(JSON.stringify(outcome)),
      (error: Error) => response.writeHead(500).end(JSON.stringify({ error: error.stack })),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(node, {
    url,
    async call(
      headers: Record<string, string> = {},
      called: Called = {},
      { path = '/gateway/orders/items', method = 'GET', steps = tokenStep } = {},
    ) {
      const id = String((sent += 1));
      waiting.set(id, { called, steps });
      const heard = await send(new URL(path, url), { method, headers: { ...headers, 'x-test': id } });
      waiting.delete(id);
      return { status: heard.status, headers: heard.headers, ...(JSON.parse(heard.text) as object) };
    },
    async close() {
      directory.close();
      await access.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function liveApi({ store }: GatehouseContext, tenantId: string, name: string): Promise<LiveApi> {
  const stored = await findApiResourceByName(tenantDb(store.knex, tenantId), name);
  return {
    id: stored?.id ?? 'none',
    name,
    audience: stored?.audience ?? name,
    suffix: name,
    scheme: { in: 'path' },
    versions: new Map(),
  };
}
