import assert from 'node:assert/strict';
import { insertKey } from '../../../src/gateway/catalogue/key-store.js';
import { insertProduct } from '../../../src/gateway/catalogue/product-store.js';
import type { LiveProduct } from '../../../src/gateway/types.js';
import { STORES } from '../../support/config.js';
import { startServer, type TestServer } from '../../support/server.js';
import { openNode, operation, version, type Called, type Node, type Outcome } from './fixture.js';
import { APPLICATION, bearer, TokenMaker } from './tokens.js';

const HEADER = 'ocp-apim-subscription-key';
const OPEN = { operation: operation({ open: true }) };

for (const kind of STORES)
  describe(`product keys of applications at the gateway, on ${kind}`, () => {
    let server: TestServer;
    let node: Node;

    before(async () => {
      server = await startServer(kind);
      await server.addApi('orders', ['orders.read']);
      node = await openNode(server, 'orders');
    });
    after(async () => {
      await node.close();
      await server.stop();
    });

    let made = 0;
    async function product(more: Partial<LiveProduct> = {}): Promise<LiveProduct> {
      const name = `product ${(made += 1)}`;
      const { id } = await server.change((db) =>
        insertProduct(db, {
          ...{ name, description: null, state: 'published', subscriptionRequired: true },
          ...{ rateLimit: null, quota: null },
        }),
      );
      return { id, name, subscriptionRequired: true, ...more };
    }
    const keyOf = (productId: string, clientId: string) =>
      server.change((db) => insertKey(db, { productId, name: 'key', clientId, expiresAt: null }));
    const inProducts = (...products: LiveProduct[]): Called => ({ ...OPEN, version: version({ products }) });
    const said = ({ problem, key }: Outcome): unknown[] =>
      problem ? [problem.word, problem.headers?.['WWW-Authenticate']] : ['ok', key?.id];

    it('open the API for its tokens, and for no other call [SEC-G16]', async () => {
      const own = await product();
      const [mine, foreign] = [await keyOf(own.id, 'keyed'), await keyOf(own.id, 'another')];
      const secret = await server.addClient('keyed', APPLICATION);
      const token = bearer(await new TokenMaker(server, 'keyed', secret).own());
      const called = inProducts(own);
      const REFUSED = ['product', undefined];
      for (const key of [mine.primaryKey, mine.secondaryKey])
        assert.deepEqual(said(await node.call({ [HEADER]: key, ...token }, called)), ['ok', mine.id]);
      assert.deepEqual(said(await node.call({ [HEADER]: foreign.primaryKey, ...token }, called)), REFUSED);
      assert.deepEqual(said(await node.call({ [HEADER]: mine.primaryKey }, called)), REFUSED);
      const unchecked = { ...called, version: version({ products: [own], authServer: 'none' }) };
      assert.deepEqual(said(await node.call({ [HEADER]: mine.primaryKey, ...token }, unchecked)), REFUSED);
    });

    it('of another application count as none where no key is needed', async () => {
      const [own, free] = [await product(), await product({ subscriptionRequired: false })];
      const { primaryKey } = await keyOf(own.id, 'another');
      const called = inProducts(own, free);
      assert.deepEqual(said(await node.call({ [HEADER]: primaryKey }, called)), ['ok', undefined]);
    });
  });
