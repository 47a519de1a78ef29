import assert from 'node:assert/strict';
import { compilePolicy, ipFilter } from '../../../src/gateway/policies/index.js';
import type { Policy } from '../../../src/gateway/types.js';
import { operation } from './support.js';

const READ = operation('GET /items/{id}', 'readItem');
const LIST = operation('GET /items', 'listItems');

describe('a compiled policy', () => {
  it('has only time limits without a policy, the same for all operations', () => {
    const policy = compilePolicy(undefined);
    assert.deepEqual(policy.base.steps, { timeout: { seconds: 30, idleSeconds: 300 } });
    assert.equal(policy.of(READ), policy.base);
  });

  it('fills in the defaults of each step', () => {
    const { steps } = compilePolicy({
      rateLimit: { calls: 1, seconds: 2 },
      quota: { calls: 1, period: 'day' },
      timeout: { seconds: 5 },
      retry: { attempts: 2 },
      circuitBreaker: {},
      cache: { seconds: 9 },
      requireScopes: { scopes: ['a'] },
      validateRequest: { headers: true },
      mock: {},
    }).base;
    assert.deepEqual(steps, {
      rateLimit: { calls: 1, seconds: 2, by: 'client' },
      quota: { calls: 1, period: 'day', timeZone: 'UTC', by: 'client' },
      timeout: { seconds: 5, idleSeconds: 300 },
      retry: { attempts: 2, on: [502, 503, 504], backoffMs: 100 },
      circuitBreaker: { failures: 5, openSeconds: 30 },
      cache: { seconds: 9, maxBytes: 1_048_576 },
      requireScopes: { scopes: ['a'], permissions: [] },
      validateRequest: { body: true, query: true, headers: true, maxBytes: 1_048_576 },
      mock: {},
    });
  });

  const layered: Policy = {
    rateLimit: { calls: 10, seconds: 1 },
    cache: { seconds: 60, maxBytes: 5 },
    ipFilter: { allow: ['10.0.0.0/8'] },
    operations: {
      readItem: { cache: { seconds: 1 }, ipFilter: {} },
      'GET /items': { rateLimit: { calls: 1, seconds: 1 } },
    },
  };

  it('replaces a step of the policy by that of the operation, whole', () => {
    const policy = compilePolicy(layered);
    assert.deepEqual(policy.of(READ).steps.cache, { seconds: 1, maxBytes: 1_048_576 });
    assert.deepEqual(policy.of(LIST).steps.cache, { seconds: 60, maxBytes: 5 });
  });

  it('counts the limits of an operation apart', () => {
    const policy = compilePolicy(layered);
    assert.deepEqual(policy.of(READ).countedAs, { rateLimit: '', quota: '' });
    assert.deepEqual(policy.of(LIST).countedAs, { rateLimit: 'GET /items', quota: '' });
  });

  it('makes the policy of an operation once', () => {
    const policy = compilePolicy(layered);
    assert.equal(policy.of(READ), policy.of({ ...READ }));
  });

  it('lets an operation take a filter away', () => {
    const policy = compilePolicy(layered);
    assert.equal(ipFilter(policy.of(READ).ipFilter, '192.0.2.1'), undefined);
    assert.equal(ipFilter(policy.base.ipFilter, '192.0.2.1')?.word, 'address');
  });
});

const FILTERED: [title: string, filter: NonNullable<Policy['ipFilter']>, address: string, passes: boolean][] =
  [
    ['an address in an allowed network', { allow: ['10.0.0.0/8'] }, '10.1.2.3', true],
    ['an address outside of it', { allow: ['10.0.0.0/8'] }, '11.1.2.3', false],
    ['a single address', { allow: ['10.0.0.1'] }, '10.0.0.1', true],
    ['the neighbour of a single address', { allow: ['10.0.0.1'] }, '10.0.0.2', false],
    [
      'what is denied within what is allowed',
      { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] },
      '10.1.0.1',
      false,
    ],
    ['what is not denied', { deny: ['10.1.0.0/16'] }, '10.2.0.1', true],
    ['an IPv6 address', { allow: ['2001:db8::/32'] }, '2001:db8::1', true],
    ['an IPv6 address that is denied', { deny: ['2001:db8::/32'] }, '2001:DB8:0::1', false],
    ['an IPv4 address where only IPv6 is allowed', { allow: ['::/0'] }, '10.0.0.1', false],
    ['an IPv4-mapped address by an IPv4 rule', { allow: ['10.0.0.0/8'] }, '::ffff:10.0.0.1', true],
    ['a denied IPv4-mapped address', { deny: ['10.0.0.0/8'] }, '::FFFF:10.0.0.1', false],
    ['a denied IPv4-mapped address in hexadecimal', { deny: ['10.0.0.0/8'] }, '::ffff:a00:1', false],
    ['an IPv4 address by an IPv4-mapped rule', { deny: ['::ffff:10.0.0.0/104'] }, '10.0.0.1', false],
    ['an address with a zone', { deny: ['10.0.0.1'] }, 'fe80::1%eth0', false],
    ['what is no address', { deny: ['10.0.0.1'] }, '', false],
  ];

describe('ipFilter', () => {
  for (const [title, filter, address, passes] of FILTERED)
    it(`${passes ? 'lets' : 'refuses'} ${title}${passes ? ' call' : ''}`, () => {
      const problem = ipFilter(compilePolicy({ ipFilter: filter }).base.ipFilter, address);
      assert.equal(problem?.word, passes ? undefined : 'address');
    });
});
