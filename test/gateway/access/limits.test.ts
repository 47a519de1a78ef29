import assert from 'node:assert/strict';
import type { LiveProduct } from '../../../src/gateway/types.js';
import type { Gatehouse } from '../../../src/main.js';
import { openStore } from '../../../src/store/index.js';
import { configFor, STORES } from '../../support/config.js';
import { startServer, type TestServer } from '../../support/server.js';
import type { AccessCall } from '../../../src/gateway/access/index.js';
import { CallLimits } from '../../../src/gateway/access/limits.js';
import { openNode, operation, policy, version, type Called, type Node } from './fixture.js';

/** What depends on the time, and on nodes that start; test/gateway/matrix.test.ts has all other limits. */
for (const kind of STORES)
  describe(`quotas at the gateway, on ${kind}`, () => {
    let server: TestServer;
    let second: Gatehouse;
    let node: Node;
    let other: Node;
    let time = Date.parse('2026-03-10T15:00:00Z');
    const now = (): number => time;

    before(async () => {
      server = await startServer(kind);
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

    const called = (more: Partial<Called>): Called => ({ operation: operation({ open: true }), ...more });
    /** The word of the problem, and the seconds to wait. */
    const refused = async (at: Node, call: Called): Promise<unknown[]> => {
      const { problem } = await at.call({}, call);
      return [problem?.word, problem?.headers?.['Retry-After']];
    };
    const GOOD = [undefined, undefined];

    it('of a product, counted by two nodes, begins again at midnight in its time zone, on both [SEC-G18]', async () => {
      time = Date.parse('2026-03-10T15:59:00Z');
      const product: LiveProduct = {
        id: 'starter',
        name: 'Starter',
        subscriptionRequired: false,
        quota: { calls: 2, period: 'day', timeZone: 'Asia/Shanghai', by: 'api' },
      };
      const call = called({ version: version({ products: [product] }) });
      assert.deepEqual(await refused(node, call), GOOD);
      await node.access.shareLimits();
      assert.deepEqual(await refused(other, call), GOOD);
      assert.deepEqual(await refused(other, call), ['quota', '60']);
      time = Date.parse('2026-03-10T15:59:59.999Z');
      assert.deepEqual(await refused(other, call), ['quota', '1']);
      assert.equal(
        (await other.call({}, call)).problem?.detail,
        'This API may make 2 calls in one day. Call again in 1 s.',
      );
      time = Date.parse('2026-03-10T16:00:00Z');
      assert.deepEqual(await refused(node, call), GOOD);
      await node.access.shareLimits();
      assert.deepEqual(await refused(other, call), GOOD);
      assert.deepEqual(await refused(other, call), ['quota', '86400']);
    });

    it('and rate limits: the one with the fewest calls left goes with the answer', async () => {
      time = Date.parse('2026-04-10T15:59:00Z');
      const limitOf = async (steps: AccessCall['policy']['steps']): Promise<unknown> =>
        (await node.call({}, called({ policy: policy(steps) }))).limit;
      const quota = { calls: 4, period: 'day', by: 'api' } as const;
      assert.deepEqual(await limitOf({ rateLimit: { calls: 9, seconds: 3600, by: 'api' }, quota }), {
        ...{ dimension: 'api', quota: 4, window: 86_400, left: 3, reset: 28_860 },
      });
      const { reset, ...nearest } = (await limitOf({
        rateLimit: { calls: 2, seconds: 3600, by: 'address' },
        quota,
      })) as { reset: number };
      assert.ok(reset > 0 && reset <= 3600);
      assert.deepEqual(nearest, { dimension: 'address', quota: 2, window: 3600, left: 1 });
      assert.equal(await limitOf({}), undefined);
    });

    it('hold for clients of another issuer, whose ids the store cannot take', async () => {
      const { store, log } = server.context;
      const limitsOf = (): CallLimits => new CallLimits({ store, log, shared: false, now });
      const [one, two] = [limitsOf(), limitsOf()];
      const check = (limits: CallLimits, clientId: string): unknown => {
        const caller = { subject: clientId, clientId, scopes: new Set<string>(), expiresAt: Infinity };
        const call = { tenant: server.home.tenant, caller, key: undefined, facts: { address: '192.0.2.1' } };
        const rules = { version: version(), policy: policy({ quota: { calls: 1, period: 'month' } }) };
        return limits.check({ ...call, ...rules } as unknown as AccessCall);
      };
      for (const id of ['a\0b', 'a\ud800b', 'ü', 'x'.repeat(8000), 'plain']) {
        assert.equal(await check(one, id), undefined);
        await one.share();
        assert.equal(
          ((await check(two, id)) as { word?: string } | undefined)?.word,
          'quota',
          id.slice(0, 9),
        );
      }
      await one.close();
      await two.close();
    });

    it('end with a node whose store does not answer', async () => {
      const store = await openStore(await configFor(kind, {}, {}, 'migrated'));
      const limits = new CallLimits({ store, log: server.context.log, shared: true, now });
      const rules = {
        version: version(),
        policy: policy({ quota: { calls: 9, period: 'month', by: 'api' } }),
      };
      const call = { tenant: server.home.tenant, facts: { address: '192.0.2.1' }, ...rules };
      assert.equal(await limits.check(call as unknown as AccessCall), undefined);
      await store.close();
      await limits.close();
    });

    it('are counted on by a node that starts again [SEC-G18]', async () => {
      const call = called({ policy: policy({ quota: { calls: 3, period: 'month', by: 'api' } }) });
      assert.deepEqual(await refused(node, call), GOOD);
      await node.access.shareLimits();
      assert.deepEqual(await refused(other, call), GOOD);
      const third = await openNode(second, 'orders', { now });
      assert.deepEqual(await refused(third, call), GOOD);
      await third.close();
      await other.access.shareLimits();
      await node.access.shareLimits();
      const fourth = await openNode(server, 'orders', { now });
      assert.equal((await refused(fourth, call))[0], 'quota');
      await fourth.close();
    });
  });
