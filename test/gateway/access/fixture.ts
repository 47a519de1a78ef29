import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findApiResourceByName } from '../../../src/api-resources/index.js';
import type { GatehouseContext } from '../../../src/context.js';
import { openAccess, type Access, type AccessCall } from '../../../src/gateway/access/index.js';
import { openLiveCatalogue } from '../../../src/gateway/catalogue/index.js';
import type { Problem } from '../../../src/gateway/plane/problem.js';
import type {
  Caller,
  CompiledOperation,
  LiveApi,
  LiveRevision,
  LiveVersion,
  PresentedKey,
} from '../../../src/gateway/types.js';
import { download } from '../../../src/kernel/download.js';
import { originReader } from '../../../src/kernel/forwarded.js';
import { setFacts } from '../../../src/kernel/request.js';
import { openLimits, type RateState } from '../../../src/limits/index.js';
import type { Gatehouse } from '../../../src/main.js';
import { openMessenger, openScreen } from '../../../src/messaging/index.js';
import { openArtifacts, openProviderPool, type ProviderPool } from '../../../src/oidc/index.js';
import { openRevocations } from '../../../src/revocations/index.js';
import { tenantDb } from '../../../src/store/index.js';
import { openTenantDirectory, type Tenant } from '../../../src/tenants/index.js';
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

export const policy = (steps: AccessCall['policy']['steps'] = {}): AccessCall['policy'] => ({
  steps,
  countedAs: { rateLimit: '', quota: '' },
});

/** What of a call is not the request's. */
export type Called = Partial<Pick<AccessCall, 'api' | 'version' | 'revision' | 'operation' | 'policy'>>;

/** What the steps say of a request, as the answer of the small server has it. */
export interface Outcome {
  status: number;
  headers: Headers;
  problem?: Problem;
  caller?: Omit<Caller, 'scopes'> & { scopes: string[] };
  key?: PresentedKey;
  /** The nearest limit. */
  limit?: RateState;
  /** The value of Gatehouse-Caller. */
  token?: string;
  error?: string;
}

/** One node of the gateway's checks, with a server that takes real requests to it. */
export interface Node {
  access: Access;
  /** The tenant whose calls come here. */
  tenant: Tenant;
  url: string;
  /** Sends a request through the steps. */
  call(
    headers?: Record<string, string>,
    called?: Called,
    more?: { path?: string; method?: string },
  ): Promise<Outcome>;
  /** Looks for changes to the catalogue now. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** The steps in the plane's order. */
async function runSteps(access: Access, call: AccessCall): Promise<object> {
  for (const step of ['token', 'scopes', 'permissions', 'productKey', 'limits'] as const) {
    const problem = await access[step](call);
    if (problem) return { problem };
  }
  const { caller, key, limit } = call;
  return {
    ...(caller && { caller: { ...caller, scopes: [...caller.scopes] } }),
    ...(key && { key }),
    ...(limit && { limit }),
    token: await access.callerHeader(call),
  };
}

/** The pool of tenants as a node of its own has it, over the store of a server that runs. */
export function poolOf(context: GatehouseContext, { outbox }: Pick<Gatehouse, 'outbox'>): ProviderPool {
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

interface NodeOptions {
  trustProxy?: string[];
  now?: () => number;
}

/** @param api the name of an API resource of the tenant. */
export async function openNode(
  gatehouse: Gatehouse,
  api: string,
  { trustProxy = [], now }: NodeOptions = {},
): Promise<Node> {
  const { context, home } = gatehouse;
  const { store, log, config, people } = context;
  const directory = openTenantDirectory(store, log, config.tenants);
  const catalogue = openLiveCatalogue({ store, log });
  const pool = poolOf(context, gatehouse);
  const access = openAccess({
    ...{ config, store, log, people },
    runtimeOf: (tenant) => pool.get(tenant),
    productKey: (tenant, key) => catalogue.productKey(tenant, key),
    fetchKeys: async (_tenant, address) => (await download(address, { reach: ['127.0.0.1'] })).body,
    ...(now && { now }),
  });
  const readOrigin = originReader(trustProxy, config.mtls.header);
  const waiting = new Map<string, Called>();
  let sent = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<object> {
    const { address, certificate } = readOrigin(request);
    const facts = { requestId: 'r', address, startedAt: Date.now(), certificate };
    setFacts(request, facts);
    const tenant = await directory.byHost(new URL(home.tenant.issuer).host);
    if (!tenant) throw new Error('no tenant has the host');
    return runSteps(access, {
      ...{ request, response, facts, tenant },
      ...{ version: version(), revision: revision(), operation: operation(), policy: policy() },
      ...{ query: request.url?.split('?')[1], caller: undefined, key: undefined, limit: undefined },
      ...{ api: await liveApi(context, tenant.id, api) },
      ...waiting.get(String(request.headers['x-test'])),
    });
  }

  const server = createServer((request, response) => {
    answer(request, response).then(
      (outcome) => response.end(JSON.stringify(outcome)),
      (error: Error) => response.writeHead(500).end(JSON.stringify({ error: error.stack })),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    access,
    tenant: home.tenant,
    url,
    async call(headers = {}, called = {}, { path = '/gateway/orders/items', method = 'GET' } = {}) {
      const id = String((sent += 1));
      waiting.set(id, called);
      const heard = await send(new URL(path, url), { method, headers: { ...headers, 'x-test': id } });
      waiting.delete(id);
      const outcome = { status: heard.status, headers: heard.headers, ...(JSON.parse(heard.text) as object) };
      if (heard.status !== 200) throw new Error(heard.text);
      return outcome;
    },
    refresh: () => catalogue.refresh(),
    async close() {
      directory.close();
      catalogue.close();
      await access.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function liveApi({ store }: GatehouseContext, tenantId: string, name: string): Promise<LiveApi> {
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
