import assert from 'node:assert/strict';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { insertRole } from '../../../src/roles/index.js';
import { STORES } from '../../support/config.js';
import { startServer, type TestServer } from '../../support/server.js';
import { liveApi, openNode, operation, revision, version, type Node } from './fixture.js';
import { APPLICATION, bearer, TokenMaker } from './tokens.js';

const SCOPES = ['orders.read', 'orders.write', 'orders.all'];

for (const kind of STORES)
  describe(`scopes and permissions at the gateway, on ${kind}`, () => {
    let server: TestServer;
    let node: Node;
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
      node = await openNode(server, 'orders');
    });
    after(async () => {
      await node.close();
      await server.stop();
    });

    const tokenOf = async (name: string): Promise<string> =>
      String((await machine.ofUser(name))['access_token']);

    it('a challenge names no scope that a header cannot hold', async () => {
      const called = { operation: operation({ scopes: [['wri"te', 'größe', 'write']] }) };
      const { problem } = await node.call(bearer(await machine.own('orders.read')), called);
      assert.deepEqual(
        [problem?.word, problem?.headers],
        ['scope', { 'WWW-Authenticate': 'Bearer error="insufficient_scope", scope="write"' }],
      );
    });

    it('the backend gets the caller as a JWT of the tenant, and no access token [SEC-G15]', async () => {
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

    it('the JWT is made once for a token, suffix and revision, and is no access token [SEC-G15]', async () => {
      const mine = bearer(await machine.own());
      const [one, two] = [await node.call(mine), await node.call(mine)];
      assert.equal(one.token, two.token);
      const elsewhere = await node.call(mine, { revision: revision({ id: 'r2', number: 2 }) });
      assert.equal(decodeJwt(elsewhere.token ?? '')['revision'], 2);
      const api = await liveApi(server.context, server.home.tenant.id, 'orders');
      const renamed = await node.call(mine, { api: { ...api, suffix: 'renamed' } });
      assert.equal(decodeJwt(renamed.token ?? '').aud, 'urn:gatehouse:gateway:renamed');
      assert.equal((await node.call(bearer(one.token ?? ''))).problem?.word, 'token');
      assert.equal((await node.call({}, { operation: operation({ open: true }) })).token, undefined);
    });
  });
