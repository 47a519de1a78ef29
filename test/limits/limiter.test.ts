import assert from 'node:assert/strict';
import pino from 'pino';
import type { Config } from '../../src/config.js';
import { CountWindow, openLimits, rateHeaders, type Limits } from '../../src/limits/index.js';
import { onEveryStore } from '../support/stores.js';
import { createTenantAt } from '../support/tenants.js';

const QUOTAS: Config['limits'] = {
  enabled: true,
  windowSeconds: 3600,
  token: { tenant: 6, client: 3, address: 4 },
  authorize: {},
  signIn: {},
  userCode: {},
  introspection: {},
  api: {},
  open: {},
  pages: {},
};

onEveryStore('limits', (open) => {
  let red: string;
  let blue: string;
  before(async () => {
    red = (await open().transaction((trx) => createTenantAt(trx, 'red', 'red.example.com'))).id;
    blue = (await open().transaction((trx) => createTenantAt(trx, 'blue', 'blue.example.com'))).id;
  });
  /** All in one window, whatever the clock says. */
  const limiter = (more: Partial<Config['limits']> = {}): Limits =>
    openLimits(open(), pino({ level: 'silent' }), { ...QUOTAS, shared: false, ...more }, () => 7_200_000);
  const times = (count: number, ask: () => unknown): unknown[] =>
    Array.from({ length: count }, ask).filter((answer) => answer !== undefined);

  it('let each address through as often as they say, and tell when to come back', () => {
    const limits = limiter();
    assert.deepEqual(
      times(4, () => limits.byAddress('token', red, '192.0.2.1')),
      [],
    );
    const refusal = limits.byAddress('token', red, '192.0.2.1');
    assert.ok(refusal && refusal.dimension === 'address' && refusal.quota === 4);
    assert.ok(refusal.retryAfter > 0 && refusal.retryAfter <= 3600);
    assert.deepEqual(rateHeaders({ ...refusal, retryAfter: 60 }), {
      'Retry-After': '60',
      RateLimit: '"address";r=0;t=60',
      'RateLimit-Policy': '"address";q=4;w=3600',
    });
    assert.equal(limits.byAddress('token', red, '192.0.2.2'), undefined);
  });

  it('begin another window on time, whatever is done to the system’s clock [SEC-R34]', () => {
    let now = 7_200_000;
    const limits = openLimits(
      open(),
      pino({ level: 'silent' }),
      { ...QUOTAS, shared: false, windowSeconds: 60 },
      () => now,
    );
    const Real = Date.now;
    try {
      assert.equal(times(5, () => limits.byAddress('token', red, '192.0.2.1')).length, 1);
      Date.now = () => Real() - 3_600_000;
      now += 59_999;
      assert.equal(limits.byAddress('token', red, '192.0.2.1')?.retryAfter, 1);
      now += 1;
      assert.equal(limits.byAddress('token', red, '192.0.2.1'), undefined);
    } finally {
      Date.now = Real;
    }
  });

  it('count an IPv6 network as one address', () => {
    const limits = limiter();
    let host = 0;
    assert.equal(times(6, () => limits.byAddress('token', red, `2001:db8::${++host}`)).length, 2);
  });

  it('count each tenant by itself, whatever its addresses', () => {
    const limits = limiter();
    let host = 0;
    assert.equal(times(8, () => limits.byAddress('token', red, `192.0.2.${++host}`)).length, 2);
    assert.equal(limits.byAddress('token', blue, '192.0.2.1'), undefined);
  });

  it('do not let an address that is refused use up its tenant’s share', () => {
    const limits = limiter();
    times(100, () => limits.byAddress('token', red, '192.0.2.1'));
    assert.equal(limits.byAddress('token', red, '192.0.2.2'), undefined);
  });

  it('limit nothing that has no number, and nothing when they are off', () => {
    const limits = limiter();
    assert.deepEqual(
      times(100, () => limits.byAddress('authorize', red, '192.0.2.1')),
      [],
    );
    const off = limiter({ enabled: false });
    assert.deepEqual(
      times(100, () => off.byAddress('token', red, '192.0.2.1')),
      [],
    );
  });

  it('are one for all nodes of a store', async () => {
    const [one, two] = [limiter(), limiter()];
    assert.deepEqual(
      times(2, () => one.byClient('token', red, 'shared')),
      [],
    );
    await one.share();
    assert.equal(two.byClient('token', red, 'shared'), undefined);
    await two.share();
    await one.share();
    for (const limits of [one, two]) assert.ok(limits.byClient('token', red, 'shared') ?? limits === one);
    assert.equal(two.byClient('token', blue, 'shared'), undefined);
  });

  it('are one for all nodes after one of the tenants is deleted', async () => {
    const gone = await open().transaction((trx) => createTenantAt(trx, 'gone', 'gone.example.com'));
    const [one, two] = [limiter(), limiter()];
    times(3, () => one.byClient('token', gone.id, 'told'));
    times(3, () => one.byClient('token', red, 'told'));
    await open().knex('tenants').where({ id: gone.id }).delete();
    await one.share();
    assert.equal(two.byClient('token', red, 'told'), undefined);
    await two.share();
    assert.equal(two.byClient('token', red, 'told')?.dimension, 'client');
  });

  it('are one for all nodes when they are lowered within a window', async () => {
    const name = { prefix: 'lowered', name: '', tenantId: red };
    const [here, there] = [new CountWindow(1, 2), new CountWindow(1, 2)];
    assert.equal(here.take(name, 1_000_000), 999_999);
    assert.equal(here.take(name, 2), 0);
    await here.share(open(), 1 / 20, 0);
    assert.equal(there.take(name, 2), 1);
    await there.share(open(), 1 / 20, 0);
    assert.equal(there.take(name, 2), undefined);
  });

  it('stay in bounded memory, however many addresses ask', () => {
    const limits = limiter({ token: { address: 1_000_000 } });
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < 400_000; n++)
      limits.byAddress('token', red, `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
    assert.ok(process.memoryUsage().heapUsed - before < 120 * 1024 * 1024);
  });
});
