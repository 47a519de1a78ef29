import assert from 'node:assert/strict';
import { insertKey, updateKey } from '../../../src/gateway/catalogue/key-store.js';
import { insertProduct } from '../../../src/gateway/catalogue/product-store.js';
import { gatewayChanged } from '../../../src/gateway/catalogue/changes.js';
import type { LiveProduct } from '../../../src/gateway/types.js';
import type { Gatehouse } from '../../../src/main.js';
import { STORES } from '../../support/config.js';
import { until } from '../../support/raw.js';
import { startServer, type TestServer } from '../../support/server.js';
import { openNode, operation, policy, version, type Called, type Node, type Outcome } from './fixture.js';
import { APPLICATION, bearer, TokenMaker } from './tokens.js';

const HEADER = 'ocp-apim-subscription-key';
const PATH = '/gateway/orders/items';
const OPEN = { operation: operation({ open: true }) };

for (const kind of STORES)
  describe(`product keys and limits at the gateway, on ${kind}`, () => {
    let server: TestServer;
    let second: Gatehouse;
    let node: Node;
    let other: Node;
    let time = Date.parse('2026-03-10T15:00:00Z');
    const now = (): number => time;

    before(async () => {
      server = await startServer(kind, {}, { limits: { shared: true } });
      await server.addApi('orders', ['orders.read']);
      second = await server.addNode();
      node = await openNode(server, 'orders', { now });
      other = await openNode(second, 'orders', { now });
    });
    after(async () => {
      await node.close();
      await other.close();
      await second.stop();
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
    const keyOf = (productId: string, clientId: string | null = null) =>
      server.change((db) => insertKey(db, { productId, name: 'key', clientId, expiresAt: null }));
    const inProducts = (...products: LiveProduct[]): Called => ({ ...OPEN, version: version({ products }) });
    const said = ({ problem, key }: Outcome): unknown[] =>
      problem ? [problem.word, problem.headers?.['WWW-Authenticate']] : ['ok', key?.id];

    it('a key is taken from the header or the query, either of the pair', async () => {
      const own = await product();
      const { id, primaryKey, secondaryKey } = await keyOf(own.id);
      const called = inProducts(own);
      assert.deepEqual(said(await node.call({ [HEADER]: primaryKey }, called)), ['ok', id]);
      const path = `${PATH}?x=1&subscription-key=${secondaryKey}`;
      assert.deepEqual(said(await node.call({}, called, { path })), ['ok', id]);
      const spelled = `${PATH}?subscription%2Dkey=${secondaryKey}`;
      assert.deepEqual(said(await node.call({}, called, { path: spelled })), ['ok', id]);
      const both = { path: `${PATH}?subscription-key=${primaryKey}` };
      assert.deepEqual(said(await node.call({ [HEADER]: primaryKey }, called, both)), ['ok', id]);
    });

    const UNKNOWN = ['product-key', 'SubscriptionKey'];
    it('a key is refused that is absent, unknown, too long, or two', async () => {
      const own = await product();
      const { primaryKey, secondaryKey } = await keyOf(own.id);
      const called = inProducts(own);
      for (const key of ['', 'unknown', 'a'.repeat(129), `${primaryKey} `.repeat(2)])
        assert.deepEqual(said(await node.call({ [HEADER]: key }, called)), UNKNOWN, key);
      assert.deepEqual(said(await node.call({}, called)), UNKNOWN);
      const path = `${PATH}?subscription-key=${secondaryKey}`;
      assert.deepEqual(said(await node.call({ [HEADER]: primaryKey }, called, { path })), UNKNOWN);
    });

    it('a key of another API’s product is refused with 403', async () => {
      const [own, others] = [await product(), await product()];
      const { primaryKey } = await keyOf(others.id);
      assert.deepEqual(said(await node.call({ [HEADER]: primaryKey }, inProducts(own))), [
        'product',
        undefined,
      ]);
    });

    it('a key of an application opens the API for its tokens, and for no other call', async () => {
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

    it('a key of another application counts as none where no key is needed', async () => {
      const [own, free] = [await product(), await product({ subscriptionRequired: false })];
      const { primaryKey } = await keyOf(own.id, 'another');
      assert.deepEqual(said(await node.call({ [HEADER]: primaryKey }, inProducts(own, free))), [
        'ok',
        undefined,
      ]);
    });

    it('a key that is suspended or has expired is refused with 403, on both nodes within a second', async () => {
      for (const change of [{ state: 'suspended' as const }, { expiresAt: Date.now() - 1 }]) {
        const own = await product();
        const { primaryKey, ...key } = await keyOf(own.id);
        const called = inProducts(own);
        for (const each of [node, other])
          assert.deepEqual(said(await each.call({ [HEADER]: primaryKey }, called)), ['ok', key.id]);
        await server.change(async (db) => {
          await updateKey(db, { ...key, ...change });
          await gatewayChanged(db);
        });
        const began = performance.now();
        for (const each of [node, other])
          await until(async () => said(await each.call({ [HEADER]: primaryKey }, called))[0] === 'product');
        assert.ok(performance.now() - began < 1000);
      }
    });

    it('no key is needed in no product, and where one product asks for none', async () => {
      const [own, free] = [await product(), await product({ subscriptionRequired: false })];
      assert.deepEqual(said(await node.call({}, OPEN)), ['ok', undefined]);
      assert.deepEqual(said(await node.call({ [HEADER]: 'x' }, inProducts(own, free))), ['ok', undefined]);
      const { id, primaryKey } = await keyOf(own.id);
      assert.deepEqual(said(await node.call({ [HEADER]: primaryKey }, inProducts(own, free))), ['ok', id]);
    });

    it('a product’s rate limit counts both keys of a pair together, and each pair apart', async () => {
      const own = await product({ rateLimit: { calls: 2, seconds: 3600 } });
      const [one, two] = [await keyOf(own.id), await keyOf(own.id)];
      const call = (key: string) => node.call({ [HEADER]: key }, inProducts(own));
      assert.equal((await call(one.primaryKey)).problem, undefined);
      assert.equal((await call(one.secondaryKey)).problem, undefined);
      const { problem } = await call(one.primaryKey);
      const retryAfter = Number(problem?.headers?.['Retry-After']);
      assert.equal(problem?.word, 'rate-limit');
      assert.ok(retryAfter > 0 && retryAfter <= 3600);
      assert.equal(problem?.headers?.['RateLimit'], `"key";r=0;t=${retryAfter}`);
      assert.equal(problem?.headers?.['RateLimit-Policy'], '"key";q=2;w=3600');
      assert.equal((await call(two.primaryKey)).problem, undefined);
    });

    let version2 = 0;
    const limited = (steps: Parameters<typeof policy>[0], name = ''): Called => ({
      ...OPEN,
      version: version({ apiId: `v${(version2 += 1)}` }),
      policy: { ...policy(steps), countedAs: { rateLimit: name, quota: name } },
    });

    it('a policy’s rate limit counts by client, and by address where there is no token', async () => {
      const machine = await server
        .addClient('one', APPLICATION)
        .then((s) => new TokenMaker(server, 'one', s));
      const robot = await server.addClient('two', APPLICATION).then((s) => new TokenMaker(server, 'two', s));
      const called = limited({ rateLimit: { calls: 1, seconds: 3600 } });
      for (const headers of [bearer(await machine.own()), bearer(await robot.own()), {}]) {
        assert.equal((await node.call(headers, called)).problem, undefined);
        assert.equal((await node.call(headers, called)).problem?.word, 'rate-limit');
      }
    });

    it('an operation’s own limit counts apart', async () => {
      const all = limited({ rateLimit: { calls: 1, seconds: 3600, by: 'api' } });
      const own = {
        ...all,
        policy: { ...policy(all.policy?.steps), countedAs: { rateLimit: 'GET /a', quota: '' } },
      };
      assert.equal((await node.call({}, all)).problem, undefined);
      assert.equal((await node.call({}, own)).problem, undefined);
      for (const called of [all, own])
        assert.equal((await node.call({}, called)).problem?.word, 'rate-limit');
    });

    it('two nodes count a rate limit together, as of the last second', async () => {
      const called = limited({ rateLimit: { calls: 4, seconds: 3600, by: 'api' } });
      for (let n = 0; n < 2; n++)
        for (const each of [node, other]) assert.equal((await each.call({}, called)).problem, undefined);
      await node.access.shareLimits();
      await other.access.shareLimits();
      await until(async () => (await other.call({}, called)).problem?.word === 'rate-limit');
    });

    it('a quota begins again at midnight in its time zone', async () => {
      time = Date.parse('2026-03-10T15:59:00Z');
      const called = limited({ quota: { calls: 2, period: 'day', timeZone: 'Asia/Shanghai', by: 'api' } });
      for (let n = 0; n < 2; n++) assert.equal((await node.call({}, called)).problem, undefined);
      const { problem } = await node.call({}, called);
      assert.deepEqual([problem?.word, problem?.headers?.['Retry-After']], ['quota', '60']);
      assert.equal(problem?.headers?.['RateLimit-Policy'], '"api";q=2;w=86400');
      time = Date.parse('2026-03-10T16:00:00Z');
      assert.equal((await node.call({}, called)).problem, undefined);
    });

    it('two nodes share a quota, and a node that starts again goes on counting', async () => {
      const called = limited({ quota: { calls: 3, period: 'month', by: 'api' } });
      assert.equal((await node.call({}, called)).problem, undefined);
      await node.access.shareLimits();
      assert.equal((await other.call({}, called)).problem, undefined);
      const third = await openNode(second, 'orders', { now });
      assert.equal((await third.call({}, called)).problem, undefined);
      await third.close();
      await other.access.shareLimits();
      await node.access.shareLimits();
      const fourth = await openNode(server, 'orders', { now });
      assert.equal((await fourth.call({}, called)).problem?.word, 'quota');
      await fourth.close();
    });
  });
