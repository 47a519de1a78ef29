import type { AddressInfo } from 'node:net';
import { createServer, globalAgent } from 'node:http';
import * as oidc from 'openid-client';
import { basic, bodyOf, send } from './http.js';
import { insertApiResource, newApiResource, type ApiResource } from '../../src/api-resources/index.js';
import {
  addClientSecret,
  clientSettings,
  hasSecrets,
  insertClient,
  reservedAudiences,
  type ClientSettings,
} from '../../src/clients/index.js';
import { start as startOne, type Gatehouse, type StartOptions } from '../../src/main.js';
import { tenantTransaction, type TenantDb } from '../../src/store/index.js';
import { touchTenant, type Tenant } from '../../src/tenants/index.js';
import { insertUser, type NewUser, type User } from '../../src/users/index.js';
import type { Config } from '../../src/config.js';
import { configFor, type StoreKind } from './config.js';
import { documents } from './documents.js';
import { awayFromFullHour } from './full-hours.js';
import { freePort } from './ports.js';
import { createTenantAt } from './tenants.js';

/** Audiences that the configuration of the tests reserves. */
export const RESERVED = reservedAudiences(() => 'mqtt');

export const PASSWORD = 'a password of the tests';

/** A running server with what tests ask of it. */
export interface TestServer extends Gatehouse {
  issuer: string;
  addClient(clientId: string, settings: Partial<ClientSettings>, tenant?: Tenant): Promise<string>;
  addUser(user: NewUser, tenant?: Tenant): Promise<User>;
  addApi(name: string, scopes: string[], more?: Partial<ApiResource>): Promise<string>;
  addTenant(name: string, host: string): Promise<Tenant>;
  /** Stops it, and starts another on the same store. */
  restart(): Promise<void>;
  /** One more process of the same issuer, as far as the store can tell, at a port of its own. */
  addNode(options?: StartOptions): Promise<Gatehouse>;
  /** A change to a tenant as the command line makes one: the change, then word to the servers. */
  change<T>(work: (db: TenantDb) => Promise<T>, tenant?: Tenant): Promise<T>;
  /** POST of a form; the answer's body parsed as JSON where it is JSON. */
  post(
    path: string,
    form: Record<string, string> | URLSearchParams,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  /** `client_secret_basic` for a client. */
  basic(clientId: string, secret: string): Record<string, string>;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** Where Node keeps what sends the requests of `fetch`, with the connections that it keeps open. */
const DISPATCHER = Symbol.for('undici.globalDispatcher.1');

interface Dispatcher {
  close(): Promise<void>;
}

/** Of windows that tests use whole: what is left of one when a server begins is enough for the tests of a file. */
const HOUR = 3600;
const ROOM_SECONDS = 60;

/**
 * Closes the connections that `fetch` keeps open, wherever to, and those of `send` to a port, so that the server there need
 * not wait until it is quiet.
 */
function closeIdleConnections(port: number): void {
  const fetching = globalThis as { [DISPATCHER]?: Dispatcher };
  const old = fetching[DISPATCHER];
  if (old) {
    fetching[DISPATCHER] = new (old.constructor as new () => Dispatcher)();
    void old.close();
  }
  for (const socket of Object.values(globalAgent.freeSockets).flat())
    if (socket?.remotePort === port) socket.destroy();
}

const start = (config: Config, options: StartOptions): Promise<Gatehouse> =>
  startOne(config, { documents, ...options });

export async function startServer(
  kind: StoreKind,
  more: Record<string, string> = {},
  file: Record<string, unknown> = {},
  options: StartOptions = {},
): Promise<TestServer> {
  const config = await configFor(kind, more, file, 'started');
  if (config.limits.windowSeconds === HOUR) await awayFromFullHour(ROOM_SECONDS);
  let gatehouse = await start(config, options);
  const { home } = gatehouse;
  const stop = (): Promise<void> => {
    closeIdleConnections(gatehouse.port);
    return gatehouse.stop();
  };
  const { issuer } = home.tenant;
  let hashed: Promise<string> | undefined;
  const inTenant = async <T>(
    tenant: Tenant,
    work: Parameters<typeof tenantTransaction<T>>[2],
  ): Promise<T> => {
    const { store } = gatehouse.context;
    const answer = await tenantTransaction(store, tenant.id, work);
    await store.transaction((trx) => touchTenant(trx, tenant.id));
    await gatehouse.refresh();
    return answer;
  };
  return {
    home,
    issuer,
    get context() {
      return gatehouse.context;
    },
    get outbox() {
      return gatehouse.outbox;
    },
    get screen() {
      return gatehouse.screen;
    },
    port: gatehouse.port,
    refresh: () => gatehouse.refresh(),
    sweepFiles: () => gatehouse.sweepFiles(),
    stop,
    async restart() {
      await stop();
      gatehouse = await start(config, options);
    },
    addClient: (clientId, settings, tenant = home.tenant) =>
      inTenant(tenant, async (db) => {
        await insertClient(
          db,
          { clientId, clientName: clientId, settings: clientSettings(settings) },
          RESERVED,
        );
        return hasSecrets(settings.tokenEndpointAuthMethod ?? 'client_secret_basic')
          ? addClientSecret(db, gatehouse.context.vault, clientId)
          : '';
      }),
    addUser: async (user, tenant = home.tenant) => {
      hashed ??= gatehouse.context.passwords.hash(PASSWORD);
      const hash = await hashed;
      // Nothing of a tenant that servers keep is about its users, so they have no word of it.
      return tenantTransaction(gatehouse.context.store, tenant.id, (db) => insertUser(db, user, hash));
    },
    addApi: (name, scopes, more) =>
      inTenant(home.tenant, (db) => insertApiResource(db, newApiResource(name, scopes, more))),
    addNode: async (ofNode = {}) => start({ ...config, port: await freePort() }, ofNode),
    change: (work, tenant = home.tenant) => inTenant(tenant, work),
    addTenant: (name, host) => gatehouse.context.store.transaction((trx) => createTenantAt(trx, name, host)),
    async post(path, form, headers = {}) {
      const heard = await send(new URL(path, issuer), { form, headers });
      return { status: heard.status, headers: heard.headers, body: bodyOf(heard) };
    },
    basic: (clientId, secret) => ({
      authorization: basic(clientId, secret),
    }),
  };
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json');
  return {
    status: response.status,
    headers: response.headers,
    body: (json ? JSON.parse(text) : { text }) as Record<string, unknown>,
  };
}

/** openid-client, as a relying party would set it up. */
export const discover = (issuer: string, clientId: string, secret?: string): Promise<oidc.Configuration> =>
  oidc.discovery(
    new URL(issuer),
    clientId,
    undefined,
    secret ? oidc.ClientSecretBasic(secret) : oidc.None(),
    {
      execute: [oidc.allowInsecureRequests],
    },
  );

/** An application's redirect endpoint: remembers the address that the browser was sent to. */
export interface Application {
  redirectUri: string;
  origin: string;
  /** The next address that the browser arrives at. */
  arrival(): Promise<URL>;
  close(): Promise<void>;
}

export async function startApplication(): Promise<Application> {
  let arrived: ((url: URL) => void) | undefined;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', origin);
    response
      .setHeader('content-type', 'text/html')
      .end('<!doctype html><title>Application</title><h1>Application</h1>');
    if (url.pathname === '/callback') arrived?.(url);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    redirectUri: `${origin}/callback`,
    arrival: () => new Promise((resolve) => (arrived = resolve)),
    close: () => new Promise((resolve) => server.close(() => resolve()) && server.closeAllConnections()),
  };
}
