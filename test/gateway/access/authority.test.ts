import assert from 'node:assert/strict';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import type { Gatehouse } from '../../../src/main.js';
import { insertRole } from '../../../src/roles/index.js';
import { tenantDb } from '../../../src/store/index.js';
import { findUser } from '../../../src/users/index.js';
import { updateUser } from '../../../src/users/store.js';
import { STORES } from '../../support/config.js';
import { until } from '../../support/raw.js';
import { startServer, type TestServer } from '../../support/server.js';
import { openNode, operation, policy, revision, version, type Called, type Node } from './fixture.js';
import { APPLICATION, bearer, TokenMaker } from './tokens.js';

const SCOPES = ['orders.read', 'orders.write', 'orders.all'];

for (const kind of STORES)
  describe(`scopes and permissions at the gateway, on ${kind}`, () => {
    let server: TestServer;
    let second: Gatehouse;
    let node: Node;
    let other: Node;
    let machine: TokenMaker;

    before(async () => {
      server = await startServer(kind);
      await server.addApi('orders', SCOPES);
      const settings = { ...APPLICATION, scopes: ['openid', ...SCOPES] };
      machine = new TokenMaker(server, 'machine', await server.addClient('machine', settings));
      await server.change((db) =>
        insertRole(db, {
          name: 'clerk',
          displayName: null,
          description: null,
          claims: [{ type: 'permission', value: 'orders.ship' }],
        }),
      );
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

    /** The status word of a call with a token of these scopes, and what its challenge names. */
    async function outcome(scope: string, called: Called): Promise<[word: string, scope?: string]> {
      const { problem } = await node.call(bearer(await machine.own(scope)), called);
      const challenge = problem?.headers?.['WWW-Authenticate'] ?? '';
      const named = /^Bearer error="insufficient_scope"(?:, scope="(.*)")?$/.exec(challenge)?.[1];
      return named === undefined ? [problem?.word ?? 'ok'] : [problem?.word ?? 'ok', named];
    }
    const asks = (...scopes: string[][]): Called => ({ operation: operation({ scopes }) });

    const ROWS: [title: string, scope: string, called: () => Called, expected: [string, string?]][] = [
      ['asks for none', 'orders.read', () => asks(), ['ok']],
      ['is met by the scope', 'orders.read', () => asks(['orders.read']), ['ok']],
      ['is met by the scope with its resource', 'orders.read', () => asks(['read']), ['ok']],
      ['is met by all of the resource', 'orders.all', () => asks(['write', 'orders.read']), ['ok']],
      ['is not met by another', 'orders.read', () => asks(['write']), ['scope', 'write']],
      ['asks for each of a list', 'orders.read', () => asks(['read', 'write']), ['scope', 'read write']],
      ['takes one of several lists', 'orders.write', () => asks(['read'], ['write']), ['ok']],
      ['takes an empty list', 'orders.write', () => asks(['read'], []), ['ok']],
      [
        'names the list of which the fewest are missing',
        'orders.read',
        () => asks(['a', 'b'], ['read', 'c']),
        ['scope', 'read c'],
      ],
      [
        'asks for the version’s as well',
        'orders.read',
        () => ({ ...asks(['read']), version: version({ scope: ['orders.write'] }) }),
        ['scope', 'read orders.write'],
      ],
      [
        'asks for the policy’s as well',
        'orders.read',
        () => ({ ...asks(['read']), policy: policy({ requireScopes: { scopes: ['write'] } }) }),
        ['scope', 'read write'],
      ],
      [
        'asks an open operation’s caller for the policy’s',
        'orders.read',
        () => ({
          operation: operation({ open: true, scopes: [['write'], []] }),
          version: version({ scope: ['orders.write'] }),
          policy: policy({ requireScopes: { scopes: ['write'] } }),
        }),
        ['scope', 'write'],
      ],
      [
        'asks an open operation’s caller for nothing else',
        'orders.read',
        () => ({ operation: operation({ open: true, scopes: [['write'], []] }) }),
        ['ok'],
      ],
      [
        'names no scope that a header cannot hold',
        'orders.read',
        () => asks(['wri"te', 'größe', 'write']),
        ['scope', 'write'],
      ],
    ];
    for (const [title, scope, called, expected] of ROWS)
      it(`an operation ${title}`, async () => {
        assert.deepEqual(await outcome(scope, called()), expected);
      });

    it('a policy that requires scopes lets nobody pass where no tokens are checked', async () => {
      const called = {
        version: version({ authServer: 'none' }),
        policy: policy({ requireScopes: { scopes: ['read'] } }),
      };
      assert.equal((await node.call(bearer(await machine.own()), called)).problem?.word, 'token');
    });

    const ships = { operation: operation({ permissions: ['ship'] }) };
    const tokenOf = async (name: string): Promise<string> =>
      String((await machine.ofUser(name))['access_token']);

    it('a user needs the operation’s permissions, by the store', async () => {
      await server.addUser({ userName: 'clara', roles: ['clerk'] });
      await server.addUser({ userName: 'carl' });
      assert.equal((await node.call(bearer(await tokenOf('clara')), ships)).problem, undefined);
      const { problem } = await node.call(bearer(await tokenOf('carl')), ships);
      assert.deepEqual(
        [problem?.word, problem?.headers],
        ['permission', { 'WWW-Authenticate': 'Bearer error="insufficient_scope"' }],
      );
    });

    it('an application for itself needs none, unless the policy says so', async () => {
      const token = bearer(await machine.own());
      assert.equal((await node.call(token, ships)).problem, undefined);
      const strict = { policy: policy({ requireScopes: { scopes: [], permissions: ['ship'] } }) };
      assert.equal((await node.call(token, strict)).problem?.word, 'permission');
    });

    it('a user who loses a permission is refused on both nodes within a second', async () => {
      await server.addUser({ userName: 'cleo', roles: ['clerk'] });
      const token = bearer(await tokenOf('cleo'));
      for (const each of [node, other]) assert.equal((await each.call(token, ships)).problem, undefined);
      const db = tenantDb(server.context.store.knex, server.home.tenant.id);
      const user = await findUser(db, 'cleo');
      await server.context.store.transaction((trx) =>
        updateUser(tenantDb(trx, server.home.tenant.id), user, { roles: [] }),
      );
      const began = performance.now();
      for (const each of [node, other])
        await until(async () => (await each.call(token, ships)).problem?.word === 'permission');
      assert.ok(performance.now() - began < 1000);
    });

    it('the backend gets the caller as a JWT of the tenant, and no access token', async () => {
      const { userKey } = await server.addUser({ userName: 'cora', roles: ['clerk'] });
      const called = { version: version({ name: 'v2' }), revision: revision({ number: 3 }) };
      const { token = '' } = await node.call(bearer(await tokenOf('cora')), called);
      const { payload, protectedHeader } = await jwtVerify(
        token,
        createRemoteJWKSet(new URL(`${server.issuer}/.well-known/jwks.json`)),
        { issuer: server.issuer, audience: 'urn:gatehouse:gateway:orders', algorithms: ['ES256'] },
      );
      const { iat = 0, exp = 0, api, ...claims } = payload;
      assert.equal(protectedHeader.typ, 'gatehouse-caller+jwt');
      assert.equal(exp - iat, 60);
      assert.equal(typeof api, 'string');
      assert.deepEqual(claims, {
        iss: server.issuer,
        sub: userKey,
        client_id: 'machine',
        scope: 'openid orders.read',
        permission: ['orders.ship'],
        aud: 'urn:gatehouse:gateway:orders',
        version: 'v2',
        revision: 3,
      });
    });

    it('the JWT is made once for a token and revision, and is no access token', async () => {
      const mine = bearer(await machine.own());
      const [one, two] = [await node.call(mine), await node.call(mine)];
      assert.equal(one.token, two.token);
      const elsewhere = await node.call(mine, { revision: revision({ id: 'r2', number: 2 }) });
      assert.equal(decodeJwt(elsewhere.token ?? '')['revision'], 2);
      assert.equal((await node.call(bearer(one.token ?? ''))).problem?.word, 'token');
      assert.equal((await node.call({}, { operation: operation({ open: true }) })).token, undefined);
    });
  });
