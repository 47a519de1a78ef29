import assert from 'node:assert/strict';
import type { Gatehouse } from '../../../src/main.js';
import { revokeKeys, scheduleOf } from '../../../src/oidc/index.js';
import { STORES } from '../../support/config.js';
import { until } from '../../support/raw.js';
import { startServer, type TestServer } from '../../support/server.js';
import { openNode, type Node } from './fixture.js';
import { APPLICATION, bearer, TokenMaker } from './tokens.js';

for (const kind of STORES)
  describe(`an access token at the gateway, on ${kind}`, () => {
    let server: TestServer;
    let second: Gatehouse;
    let node: Node;
    let other: Node;
    let machine: TokenMaker;

    before(async () => {
      server = await startServer(kind);
      await server.addApi('orders', ['orders.read', 'orders.write']);
      await server.addApi('parts', ['parts.read'], { accessTokenFormat: 'opaque' });
      machine = new TokenMaker(server, 'machine', await server.addClient('machine', APPLICATION));
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

    /** Ends when both nodes refuse the token. @returns after how many milliseconds. */
    async function refusedEverywhere(token: string): Promise<number> {
      const began = performance.now();
      for (const each of [node, other])
        await until(async () => (await each.call(bearer(token))).problem?.word === 'token');
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
