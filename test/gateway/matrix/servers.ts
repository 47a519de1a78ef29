import assert from 'node:assert/strict';
import { insertApiResource, newApiResource } from '../../../src/api-resources/index.js';
import type { StoreKind } from '../../support/config.js';
import { ApiTeam, startBackend, startGateway, type Backend } from '../../support/gateway.js';
import { send, type Heard, type Said } from '../../support/http.js';
import { call, clientToken, type ApiAnswer } from '../../support/management.js';
import { until } from '../../support/raw.js';
import type { TestServer } from '../../support/server.js';
import { APPLICATION, TokenMaker } from '../access/tokens.js';
import { LIMITED, ORDERS } from './documents.js';
import { openKeyed, type Keyed } from './keys.js';

type Data = Record<string, unknown>;

export interface Keys {
  id: string;
  primaryKey: string;
  secondaryKey: string;
}

/** Two nodes of one store. What is published and changed is so by the management API of the first one. */
export interface Matrix {
  server: TestServer;
  backend: Backend;
  /** The team of `orders`, whose client may do everything. */
  team: ApiTeam;
  /** Gets tokens of the home tenant. */
  machine: TokenMaker;
  /** Gets tokens of another tenant, which has an API of the same name. */
  abroad: TokenMaker;
  /** A call of one node: status, word of the problem, `WWW-Authenticate`, as far as there are such. */
  ask(node: 0 | 1, path: string, said?: Said): Promise<string>;
  hear(node: 0 | 1, path: string, said?: Said): Promise<Heard>;
  /** What both nodes say; `said` is asked for each of them. */
  askBoth(path: string, said: () => Promise<Said>): Promise<string[]>;
  /** Calls both nodes until they say this. @returns the milliseconds that took. */
  untilBothSay(outcome: string, path: string, said: Said): Promise<number>;
  /** A call of the management API, which has to succeed. */
  manage(method: string, path: string, json?: unknown): Promise<Data>;
  /** Publishes an API of its own: the resource, then the document. */
  publish(name: string, body: object, scopes?: string[]): Promise<ApiTeam>;
  /** A product with these APIs. @returns its id. */
  product(apis: readonly ApiTeam[], more?: object): Promise<string>;
  keys(productId: string, more?: object): Promise<Keys>;
  keyed: Keyed;
  /** The API whose limits are tried. */
  limited: ApiTeam;
  close(): Promise<void>;
}

const SCOPES = ['orders.read', 'orders.write', 'orders.all'];

/** What machines may ask for. */
export const MACHINE = {
  ...APPLICATION,
  scopes: ['openid', ...SCOPES, 'stock.read', 'parts.read', 'limited.read', 'limited.write'],
};

async function addTenantAbroad(server: TestServer): Promise<TokenMaker> {
  const tenant = await server.addTenant('abroad', `abroad.localhost:${server.port}`);
  await server.change((db) => insertApiResource(db, newApiResource('orders', ['orders.read'])), tenant);
  const secret = await server.addClient('machine', { ...APPLICATION, scopes: ['orders.read'] }, tenant);
  return new TokenMaker(server, 'machine', secret, tenant);
}

/** @throws AssertionError for an answer that is not good. */
async function done(answer: Promise<ApiAnswer>): Promise<Data> {
  const { status, body, data } = await answer;
  assert.equal(status, 200, JSON.stringify(body));
  return data;
}

/** Calls of the nodes at these ports, for the issuer's host. */
function callsOf(
  { issuer }: TestServer,
  ports: readonly number[],
): Pick<Matrix, 'hear' | 'ask' | 'askBoth' | 'untilBothSay'> {
  const { host } = new URL(issuer);
  const hear: Matrix['hear'] = (node, path, said = {}) =>
    send(new URL(`/gateway/${path}`, `http://127.0.0.1:${ports[node]}`), {
      ...said,
      headers: { host, ...said.headers },
    });

  const ask: Matrix['ask'] = async (node, path, said) => {
    const { status, headers, text } = await hear(node, path, said);
    const isProblem = headers.get('content-type')?.includes('problem+json');
    const word = isProblem && String((JSON.parse(text) as { type: string }).type).replace(/.*:/, '');
    return [status, word, headers.get('www-authenticate')].filter(Boolean).join(' ');
  };
  return {
    hear,
    ask,
    async askBoth(path, said) {
      const outcomes: string[] = [];
      for (const node of [0, 1] as const) outcomes.push(await ask(node, path, await said()));
      return outcomes;
    },
    async untilBothSay(outcome, path, said) {
      const began = performance.now();
      for (const node of [0, 1] as const) await until(async () => (await ask(node, path, said)) === outcome);
      return performance.now() - began;
    },
  };
}

let products = 0;

export async function openMatrix(kind: StoreKind): Promise<Matrix> {
  const backend = await startBackend();
  const server = await startGateway(
    kind,
    [backend],
    {},
    { limits: { shared: true }, trustProxy: ['127.0.0.1'] },
  );
  const second = await server.addNode();
  const token = await clientToken(server, ['isms.all']);
  const manage: Matrix['manage'] = (method, path, json) =>
    done(call(server, { method, path: `/api${path}`, token, json }));

  const calls = callsOf(server, [server.port, second.port]);

  async function publish(
    name: string,
    body: object,
    scopes: string[] = [],
    more: object = {},
  ): Promise<ApiTeam> {
    const resource = { name, scopes: scopes.map((scope) => ({ name: scope })), ...more };
    const { id } = await manage('POST', '/ApiResource', resource);
    const team = new ApiTeam(server, token, String(id));
    await done(team.publish({ suffix: name, serviceUrl: backend.url, notify: false, ...body }));
    return team;
  }

  const team = await publish('orders', ORDERS, ['read', 'write', 'all']);
  await publish('parts', ORDERS, ['read'], { accessTokenFormat: 'opaque' });
  await publish('stock', ORDERS, ['read']);
  const limited = await publish('limited', LIMITED, ['read', 'write']);
  const machine = new TokenMaker(server, 'machine', await server.addClient('machine', MACHINE));
  const abroad = await addTenantAbroad(server);

  const matrix: Omit<Matrix, 'keyed'> = {
    ...{ server, backend, team, machine, abroad, ...calls, manage, publish, limited },
    async product(apis, more = {}) {
      const body = { name: `Product ${(products += 1)}`, apiIds: apis.map(({ id }) => id), ...more };
      return String((await manage('POST', '/Gateway/Products', body))['id']);
    },
    async keys(productId, more = {}) {
      const made = await manage('POST', `/Gateway/Products/${productId}/Keys`, { name: 'shop', ...more });
      return made as unknown as Keys;
    },
    async close() {
      await second.stop();
      await server.stop();
      await backend.close();
    },
  };
  return { ...matrix, keyed: await openKeyed(matrix) };
}
