import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { readApis } from '../../../src/gateway/export/catalogue.js';
import { insertRole } from '../../../src/roles/index.js';
import { tenantDb } from '../../../src/store/index.js';
import { findUser } from '../../../src/users/index.js';
import { updateUser } from '../../../src/users/store.js';
import { STORES } from '../../support/config.js';
import { newDpopKey, proofOf } from '../../support/dpop.js';
import { awayFromFullHour } from '../../support/full-hours.js';
import {
  ApiTeam,
  documentOf,
  problemOf,
  startBackend,
  startGateway,
  through,
  type Backend,
} from '../../support/gateway.js';
import type { Heard, Said } from '../../support/http.js';
import { until } from '../../support/raw.js';
import type { TestServer } from '../../support/server.js';
import { FACES, needsFace, startFront, type Face, type FrontNginx } from '../plane/faces.js';
import { APPLICATION, bearer, TokenMaker } from './tokens.js';

const KEY_HEADER = 'ocp-apim-subscription-key';
const LIMIT = { calls: 2, seconds: 3600 };
const QUOTA = { calls: 2, period: 'month' };

const ORDERS = {
  'GET /items/{id}': ['orders.read'],
  'PUT /items/{id}': ['orders.write'],
  'GET /open': null,
  'GET /shipments': [],
  'GET /limited': ['orders.read'],
  'GET /quota': ['orders.read'],
  'GET /mocked': ['orders.read'],
  'GET /inside': null,
};
const POLICY = {
  operations: {
    'GET /limited': { rateLimit: LIMIT },
    'GET /quota': { quota: QUOTA },
    'GET /mocked': { rateLimit: LIMIT, mock: {} },
    'GET /inside': { ipFilter: { allow: ['203.0.113.0/24'] } },
  },
};

/** The document, with a permission that users need for one operation. */
function document(): Record<string, unknown> {
  const made = documentOf(ORDERS) as { paths: Record<string, Record<string, Record<string, unknown>>> };
  Object.assign(made.paths['/shipments']?.['get'] ?? {}, { 'x-permission': 'ship' });
  return made;
}

/** Until when a change has to be known, in milliseconds. */
const KNOWN_MS = 1000;

for (const kind of STORES)
  describe(`who may call through nginx as well, on ${kind}`, () => {
    let backend: Backend;
    let server: TestServer;
    let team: ApiTeam;
    let stock: ApiTeam;
    let front: FrontNginx | undefined;
    let machine: TokenMaker;

    before(async () => {
      backend = await startBackend();
      server = await startGateway(kind, [backend], { GATEHOUSE_TRUST_PROXY: '127.0.0.1' });
      team = await ApiTeam.begin(server, 'orders', ['read', 'write', 'ship']);
      stock = await ApiTeam.begin(server, 'stock', ['read']);
      const serviceUrl = `${backend.url}/base`;
      for (const [each, json] of [
        [team, { suffix: 'orders', document: document(), policy: POLICY }],
        [stock, { suffix: 'stock', document: documentOf({ 'GET /parts': null }) }],
      ] as const) {
        const { status, body } = await each.publish({ ...json, serviceUrl });
        assert.equal(status, 200, JSON.stringify(body));
      }
      machine = new TokenMaker(server, 'machine', await server.addClient('machine', APPLICATION));
      await server.change((db) =>
        insertRole(db, {
          ...{ name: 'clerk', displayName: null, description: null },
          claims: [{ type: 'permission', value: 'orders.ship' }],
        }),
      );
    });
    after(async () => {
      await front?.stop();
      await server.stop();
      await backend.close();
    });

    for (const face of FACES)
      describe(`an API, ${face}`, () => {
        before(async function () {
          needsFace(this, face);
          if (face === 'nginx') front = await startNginx();
        });
        suite(face);
      });

    async function startNginx(): Promise<FrontNginx> {
      const { tenant } = server.home;
      const apis = await readApis(server.context.store, tenant.id);
      const certificateHeader = server.context.config.mtls.header;
      return startFront({ tenant, apis }, { port: server.port, certificateHeader });
    }

    function suite(face: Face): void {
      const call = (path: string, said: Said & { token?: string } = {}): Promise<Heard> =>
        through({ issuer: front ? `http://127.0.0.1:${front.port}` : server.issuer }, path, said);
      const refused = async (answer: Promise<Heard>): Promise<unknown[]> => {
        const heard = await answer;
        return [...problemOf(heard), heard.headers.get('www-authenticate')];
      };
      /** Ends when a call is refused with the word, within a second. */
      async function isRefusedSoon(word: string, again: () => Promise<Heard>): Promise<void> {
        const began = performance.now();
        await until(async () => {
          const heard = await again();
          return heard.status >= 400 && problemOf(heard)[1] === word;
        });
        assert.ok(performance.now() - began < KNOWN_MS);
      }
      const newClient = async (): Promise<TokenMaker> => {
        const name = `client-${randomUUID()}`;
        return new TokenMaker(server, name, await server.addClient(name, APPLICATION));
      };

      it('answers a call with a token, and names the caller to the backend', async () => {
        const { status, text, headers } = await call('orders/items/a%2Fb?x=1&y=%20', {
          token: await machine.own(),
        });
        assert.deepEqual([status, text], [200, 'GET /base/items/a%2Fb?x=1&y=%20']);
        assert.equal(headers.get('content-security-policy'), 'sandbox');
        const asked = backend.asked.at(-1)?.headers;
        const [, claims = ''] = String(asked?.['gatehouse-caller']).split('.');
        const { client_id: clientId } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as {
          client_id: string;
        };
        assert.deepEqual([clientId, asked?.authorization], ['machine', undefined]);
        assert.equal(headers.get('x-request-id'), asked?.['x-request-id']);
      });

      const expired = { exp: Math.floor(Date.now() / 1000) - 60 };
      const INVALID = 'Bearer error="invalid_token"';
      const REFUSED: [what: string, said: () => Promise<Said>, expected: unknown[]][] = [
        ['no token', async () => ({}), [401, 'token', 'Bearer']],
        ['a token that nobody issued', async () => ({ headers: bearer('x.y.z') }), [401, 'token', INVALID]],
        [
          'a token that has expired',
          async () => ({ headers: bearer(await machine.signed(expired)) }),
          [401, 'token', INVALID],
        ],
        [
          'a token for another API',
          async () => ({ headers: bearer(await machine.own('stock.read')) }),
          [401, 'token', INVALID],
        ],
        [
          'a token without the scope',
          async () => ({ method: 'PUT', body: '{}', headers: bearer(await machine.own('orders.read')) }),
          [403, 'scope', 'Bearer error="insufficient_scope", scope="orders.write"'],
        ],
      ];
      for (const [what, said, expected] of REFUSED)
        it(`refuses ${what}, and asks no backend [SEC-G4] [SEC-G11]`, async () => {
          const before = backend.asked.length;
          assert.deepEqual(await refused(call('orders/items/7', await said())), expected);
          assert.equal(backend.asked.length, before);
        });

      it('refuses a path and a method that the document does not have', async () => {
        assert.deepEqual(problemOf(await call('orders/nothing')), [404, 'not-found']);
        const heard = await call('orders/items/7', { method: 'DELETE' });
        assert.deepEqual(
          [...problemOf(heard), heard.headers.get('allow')],
          [405, 'method', 'GET, HEAD, PUT'],
        );
      });

      it('refuses a token within a second of its revocation [SEC-G14]', async () => {
        const token = await machine.own();
        assert.equal((await call('orders/items/7', { token })).status, 200);
        await machine.revoke(token);
        await isRefusedSoon('token', () => call('orders/items/7', { token }));
      });

      it('refuses a user within a second who loses the permission [SEC-G14]', async () => {
        const userName = `clerk-${face}`;
        await server.addUser({ userName, roles: ['clerk'] });
        await server.addUser({ userName: `visitor-${face}` });
        const tokenOf = async (name: string): Promise<string> =>
          String((await machine.ofUser(name))['access_token']);
        const token = await tokenOf(userName);
        assert.equal((await call('orders/shipments', { token })).status, 200);
        const other = await call('orders/shipments', { token: await tokenOf(`visitor-${face}`) });
        assert.deepEqual(problemOf(other), [403, 'permission']);
        const { store } = server.context;
        const user = await findUser(tenantDb(store.knex, server.home.tenant.id), userName);
        await store.transaction((trx) =>
          updateUser(tenantDb(trx, server.home.tenant.id), user, { roles: [] }),
        );
        await isRefusedSoon('permission', () => call('orders/shipments', { token }));
      });

      it('asks for a product key, counts its calls, and refuses it within a second when it is suspended', async () => {
        await awayFromFullHour(30);
        const product = await stock.gateway('POST', '/Products', {
          ...{ name: `stock ${face}`, apiIds: [stock.id], rateLimit: LIMIT },
        });
        const productPath = `/Products/${String(product.data['id'])}`;
        const newKey = async (): Promise<{ id: string; headers: Record<string, string> }> => {
          const { data } = await stock.gateway('POST', `${productPath}/Keys`, { name: 'shop' });
          return { id: String(data['id']), headers: { [KEY_HEADER]: String(data['primaryKey']) } };
        };
        const [used, suspended] = [await newKey(), await newKey()];
        await server.refresh();
        await isRefusedSoon('product-key', () => call('stock/parts'));
        assert.deepEqual(await refused(call('stock/parts')), [401, 'product-key', 'SubscriptionKey']);
        for (let n = 0; n < LIMIT.calls; n += 1)
          assert.equal((await call('stock/parts', { headers: used.headers })).status, 200);
        const heard = await call('stock/parts', { headers: used.headers });
        assert.deepEqual(problemOf(heard), [429, 'rate-limit']);
        assert.match(heard.headers.get('retry-after') ?? '', /^\d+$/);
        assert.match(heard.headers.get('ratelimit-policy') ?? '', /^"key";q=2;w=3600$/);
        assert.equal(backend.asked.at(-1)?.headers[KEY_HEADER], undefined);
        await stock.gateway('PUT', `${productPath}/Keys/${suspended.id}`, { state: 'suspended' });
        await isRefusedSoon('product', () => call('stock/parts', { headers: suspended.headers }));
        await stock.gateway('DELETE', `${productPath}?cascade=true`);
        await until(async () => (await call('stock/parts')).status === 200);
      });

      for (const [path, word] of [
        ['limited', 'rate-limit'],
        ['quota', 'quota'],
        // Answered by the data plane: the question of nginx must not count as well.
        ['mocked', 'rate-limit'],
      ] as const)
        it(`counts each call of /${path} once, and refuses what is over the limit [SEC-G18]`, async () => {
          const token = await (await newClient()).own();
          const answers: unknown[] = [];
          await awayFromFullHour(10);
          for (let n = 0; n < LIMIT.calls; n += 1)
            answers.push((await call(`orders/${path}`, { token })).status);
          answers.push(...problemOf(await call(`orders/${path}`, { token })));
          assert.deepEqual(answers, [200, 200, 429, word]);
        });

      it('takes a token that is bound to a key with a proof for the call, once', async () => {
        const client = await newClient();
        const key = await newDpopKey();
        const proof = await proofOf(key, 'POST', `${server.issuer}/connect/token`);
        const token = await client.own('orders.read', { dpop: proof });
        const prove = (path: string, method = 'GET'): Promise<string> =>
          new SignJWT({
            ...{ htm: method, htu: `${server.issuer}/gateway/${path}`, jti: randomUUID() },
            ath: createHash('sha256').update(token).digest('base64url'),
          })
            .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk })
            .setIssuedAt()
            .sign(key.privateKey);
        const withProof = (path: string, dpop: string): Promise<Heard> =>
          call(path, { headers: { authorization: `DPoP ${token}`, dpop } });
        const own = await prove('orders/items/7');
        const first = await withProof('orders/items/7', own);
        assert.equal(first.status, 200, first.text);
        assert.match(first.headers.get('dpop-nonce') ?? '', /^[\w-]{43}$/);
        assert.deepEqual(problemOf(await withProof('orders/items/7', own)), [401, 'token']);
        const forQuestion = await prove('authorize');
        assert.deepEqual(problemOf(await withProof('orders/items/7', forQuestion)), [401, 'token']);
        const forOther = await prove('orders/items/7', 'PUT');
        assert.deepEqual(problemOf(await withProof('orders/items/7', forOther)), [401, 'token']);
        // Handed over: the question has not used the proof up.
        assert.equal((await withProof('orders/mocked', await prove('orders/mocked'))).status, 200);
      });

      if (face === 'nginx') {
        it('believes no address that a caller names itself [SEC-G1]', async () => {
          const headers = {
            'x-forwarded-for': '203.0.113.7',
            forwarded: 'for=203.0.113.7',
            'x-real-ip': '203.0.113.7',
          };
          assert.deepEqual(problemOf(await call('orders/inside', { headers })), [403, 'address']);
        });

        it('gives nobody the answer to a question of nginx [SEC-G29]', async () => {
          const question = { 'gatehouse-method': 'GET', 'gatehouse-uri': '/gateway/orders/open' };
          const { status, headers } = await call('authorize', { headers: question });
          assert.deepEqual([status, headers.get('gatehouse-path')], [404, null]);
        });

        it('counts calls that nginx forwards with a status that is unknown', async () => {
          const usage = async (): Promise<Record<string, number>> => {
            const { body } = await team.gateway('GET', `/Usage?apiId=${team.id}&by=status&step=day`);
            const points = body['data'] as { key: string; calls: number }[];
            return Object.fromEntries(points.map(({ key, calls }) => [key, calls]));
          };
          const before = await usage();
          await call('orders/open');
          await call('orders/nothing');
          const after = await usage();
          assert.deepEqual(
            ['(unknown)', '404', '200'].map((key) => (after[key] ?? 0) - (before[key] ?? 0)),
            [1, 1, 0],
          );
        });

        it('follows a revision that the configuration of nginx does not have', async () => {
          const { data } = await team.publishRevision({
            document: documentOf({ ...ORDERS, 'GET /new': null }),
          });
          assert.equal((await call('orders;rev=2/new')).text, 'GET /base/new');
          await team.setOnline(String(data['id']));
          assert.equal((await call('orders/new')).text, 'GET /base/new');
        });
      }
    }
  });
