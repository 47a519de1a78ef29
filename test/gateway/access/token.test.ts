import assert from 'node:assert/strict';
import { insertApiResource, newApiResource } from '../../../src/api-resources/index.js';
import {
  clientSettings,
  deleteClient,
  findClient,
  setClientEnabled,
  updateClientSettings,
} from '../../../src/clients/index.js';
import type { Gatehouse } from '../../../src/main.js';
import { revokeKeys, scheduleOf } from '../../../src/oidc/index.js';
import { tenantDb } from '../../../src/store/index.js';
import { findUser, setUserEnabled } from '../../../src/users/index.js';
import { deleteUser } from '../../../src/users/store.js';
import { STORES } from '../../support/config.js';
import { until } from '../../support/raw.js';
import { startServer, type TestServer } from '../../support/server.js';
import { openNode, operation, policy, version, type Node, type Outcome } from './fixture.js';
import { APPLICATION, bearer, TokenMaker } from './tokens.js';

const NO_TOKEN = 'Bearer';
const INVALID = 'Bearer error="invalid_token"';
const past = (): number => Math.floor(Date.now() / 1000) - 60;

const challengeOf = ({ problem }: Outcome): unknown[] => [
  problem?.word,
  problem?.headers?.['WWW-Authenticate'],
];

for (const kind of STORES)
  describe(`an access token at the gateway, on ${kind}`, () => {
    let server: TestServer;
    let second: Gatehouse;
    let node: Node;
    let other: Node;
    let machine: TokenMaker;
    let abroad: TokenMaker;

    before(async () => {
      server = await startServer(kind);
      await server.addApi('orders', ['orders.read', 'orders.write']);
      await server.addApi('stock', ['stock.read']);
      await server.addApi('parts', ['parts.read'], { accessTokenFormat: 'opaque' });
      machine = new TokenMaker(server, 'machine', await server.addClient('machine', APPLICATION));
      const tenant = await server.addTenant('abroad', 'abroad.localhost');
      await server.change((db) => insertApiResource(db, newApiResource('orders', ['orders.read'])), tenant);
      const secret = await server.addClient('machine', { ...APPLICATION, scopes: ['orders.read'] }, tenant);
      abroad = new TokenMaker(server, 'machine', secret, tenant);
      second = await server.addNode();
      node = await openNode(server, 'orders');
      other = await openNode(second, 'orders');
    });
    after(async () => {
      await node.close();
      await other.close();
      await second.stop();
      await server.stop();
    });

    const clientDb = () => tenantDb(server.context.store.knex, server.home.tenant.id);
    /** Ends when both nodes refuse the token; each has to within a second. */
    async function refusedEverywhere(token: string, called = {}): Promise<number> {
      const began = performance.now();
      for (const each of [node, other])
        await until(async () => (await each.call(bearer(token), called)).problem?.word === 'token');
      return performance.now() - began;
    }

    it('is taken as Bearer, whatever the letters of the scheme', async () => {
      const token = await machine.own('orders.read orders.write');
      for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
        const { caller } = await node.call({ authorization: `${scheme} ${token}` });
        assert.deepEqual(
          [caller?.subject, caller?.clientId, caller?.userKey, caller?.scopes],
          ['machine', 'machine', undefined, ['orders.read', 'orders.write']],
        );
      }
    });

    it('names the user behind it', async () => {
      const { userKey } = await server.addUser({ userName: 'ada' });
      const { access_token: token } = await machine.ofUser('ada');
      const { caller } = await node.call(bearer(String(token)));
      assert.deepEqual([caller?.subject, caller?.userKey, caller?.clientId], [userKey, userKey, 'machine']);
    });

    it('may be opaque', async () => {
      const parts = await openNode(server, 'parts');
      const { caller } = await parts.call(bearer(await machine.own('parts.read')));
      assert.deepEqual([caller?.subject, caller?.scopes], ['machine', ['parts.read']]);
      await server.addUser({ userName: 'olga' });
      const tokens = await machine.ofUser('olga', 'openid parts.read');
      assert.equal((await parts.call(bearer(String(tokens['access_token'])))).caller?.clientId, 'machine');
      await parts.close();
    });

    const REFUSED: [title: string, headers: () => Promise<Record<string, string>>, challenge: string][] = [
      ['none', async () => ({}), NO_TOKEN],
      ['a scheme that is another', async () => ({ authorization: 'Basic bWFjaGluZTp4' }), NO_TOKEN],
      ['a scheme without a token', async () => ({ authorization: 'Bearer ' }), NO_TOKEN],
      ['one that is malformed', async () => bearer('not a token'), INVALID],
      ['one that nobody issued', async () => bearer('A'.repeat(43)), INVALID],
      ['one of three empty parts', async () => bearer('..'), INVALID],
      ['one that is too long', async () => bearer('a'.repeat(8193)), INVALID],
      ['one that has expired', async () => bearer(await machine.signed({ exp: past() })), INVALID],
      ['one for another audience', async () => bearer(await machine.own('stock.read')), INVALID],
      ['one of another tenant', async () => bearer(await abroad.own()), INVALID],
      [
        'one of another issuer',
        async () => bearer(await machine.signed({ iss: 'https://elsewhere.example' })),
        INVALID,
      ],
      ['an ID token', async () => bearer(String((await machine.ofUser('eve'))['id_token'])), INVALID],
      ['one of another type', async () => bearer(await machine.signed({}, 'JWT')), INVALID],
      ['one without a type', async () => bearer(await machine.signed({}, null)), INVALID],
      ['one with the algorithm "none"', async () => bearer(await machine.unsigned()), INVALID],
      ['one with the public key as a secret', async () => bearer(await machine.keyedByPublicKey()), INVALID],
      ['one whose signature is another’s', async () => bearer(`${await machine.own()}A`), INVALID],
    ];
    before(() => server.addUser({ userName: 'eve' }));
    for (const [title, headers, challenge] of REFUSED)
      it(`is refused with 401: ${title}`, async () => {
        const given = await headers();
        assert.deepEqual(challengeOf(await node.call(given)), ['token', challenge]);
      });

    it('is refused where two come, or in the query', async () => {
      const token = await machine.own();
      const path = `/gateway/orders/items?access_token=${token}`;
      assert.deepEqual(challengeOf(await node.call({}, {}, { path })), ['token', NO_TOKEN]);
      const twice = { authorization: [`Bearer ${token}`, `Bearer ${token}`] } as unknown as Record<
        string,
        string
      >;
      assert.deepEqual(challengeOf(await node.call(twice)), ['token', INVALID]);
    });

    it('is not asked for an open operation, but checked where it comes', async () => {
      const open = { operation: operation({ open: true }) };
      assert.deepEqual((await node.call({}, open)).problem, undefined);
      assert.deepEqual((await node.call({ authorization: 'Basic eDp5' }, open)).problem, undefined);
      assert.equal((await node.call(bearer(await machine.own()), open)).caller?.clientId, 'machine');
      assert.deepEqual(challengeOf(await node.call(bearer('x.y.z'), open)), ['token', INVALID]);
    });

    it('is asked for an open operation whose policy requires scopes', async () => {
      const called = {
        operation: operation({ open: true }),
        policy: policy({ requireScopes: { scopes: ['read'] } }),
      };
      assert.deepEqual(challengeOf(await node.call({}, called)), ['token', NO_TOKEN]);
    });

    it('is not looked at where the version has no authorization server', async () => {
      const none = { version: version({ authServer: 'none' }) };
      for (const headers of [{}, bearer('x.y.z'), bearer(await machine.own())]) {
        const { problem, caller } = await node.call(headers, none);
        assert.deepEqual([problem, caller], [undefined, undefined]);
      }
    });

    it('ends on both nodes within a second of its revocation', async () => {
      const token = await machine.own();
      for (const each of [node, other])
        assert.equal((await each.call(bearer(token))).caller?.clientId, 'machine');
      await machine.revoke(token);
      assert.ok((await refusedEverywhere(token)) < 1000);
    });

    it('ends within a second when it is opaque', async () => {
      const [here, there] = [await openNode(server, 'parts'), await openNode(second, 'parts')];
      const token = await machine.own('parts.read');
      for (const each of [here, there])
        assert.equal((await each.call(bearer(token))).caller?.clientId, 'machine');
      await machine.revoke(token);
      const began = performance.now();
      for (const each of [here, there])
        await until(async () => (await each.call(bearer(token))).problem?.word === 'token');
      assert.ok(performance.now() - began < 1000);
      await here.close();
      await there.close();
    });

    const ENDS: [title: string, name: string, end: (name: string) => Promise<unknown>][] = [
      ['the user is disabled', 'dora', (name) => setUserEnabled(clientDb(), name, false)],
      [
        'the user is deleted',
        'dirk',
        async (name) => deleteUser(clientDb(), await findUser(clientDb(), name)),
      ],
    ];
    for (const [title, name, end] of ENDS)
      it(`ends on both nodes within a second after ${title}`, async () => {
        await server.addUser({ userName: name });
        const token = String((await machine.ofUser(name))['access_token']);
        for (const each of [node, other])
          assert.equal((await each.call(bearer(token))).caller?.clientId, 'machine');
        await end(name);
        assert.ok((await refusedEverywhere(token)) < 1000);
      });

    it('ends on both nodes after its client is disabled, or deleted', async () => {
      for (const end of ['disabled', 'deleted']) {
        const secret = await server.addClient(end, APPLICATION);
        const token = await new TokenMaker(server, end, secret).own();
        for (const each of [node, other])
          assert.equal((await each.call(bearer(token))).caller?.clientId, end);
        await server.change(async (db) =>
          end === 'disabled' ? setClientEnabled(db, end, false) : deleteClient(db, await findClient(db, end)),
        );
        assert.ok((await refusedEverywhere(token)) < 1000);
      }
    });

    it('loses the scopes that are taken from its client', async () => {
      const secret = await server.addClient('loser', APPLICATION);
      const token = await new TokenMaker(server, 'loser', secret).own('orders.read orders.write');
      const scopes = async () => (await node.call(bearer(token))).caller?.scopes;
      assert.deepEqual(await scopes(), ['orders.read', 'orders.write']);
      const less = clientSettings({ ...APPLICATION, scopes: ['orders.read'] });
      await server.change((db) => updateClientSettings(db, 'loser', less));
      await until(async () => (await scopes())?.length === 1);
    });

    it('ends on both nodes when the key that signed it is revoked', async () => {
      const token = await machine.own();
      for (const each of [node, other])
        assert.equal((await each.call(bearer(token))).caller?.clientId, 'machine');
      const { store, vault, config } = server.context;
      await revokeKeys(store, vault, server.home.tenant.id, scheduleOf(config), 'all');
      assert.ok((await refusedEverywhere(token)) < 1500);
      assert.equal((await node.call(bearer(await machine.own()))).caller?.clientId, 'machine');
    });
  });
