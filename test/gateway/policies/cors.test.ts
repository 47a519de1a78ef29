import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  compilePolicy,
  corsHeaders,
  isPreflight,
  preflight,
  withVary,
} from '../../../src/gateway/policies/index.js';
import type { Cors } from '../../../src/gateway/policies/index.js';
import type { Policy } from '../../../src/gateway/types.js';
import { often, SEED } from '../../support/profile.js';

const cors = (said: NonNullable<Policy['cors']>): Cors => {
  const compiled = compilePolicy({ cors: said }).base.cors;
  assert.ok(compiled);
  return compiled;
};

const APP = 'https://app.example';
const PREFLIGHT_VARY = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';
const asking = (origin: string, headers?: string) => ({
  origin,
  'access-control-request-method': 'PUT',
  ...(headers !== undefined && { 'access-control-request-headers': headers }),
});

describe('CORS', () => {
  it('takes OPTIONS with an origin and a method for a preflight request, and nothing else', () => {
    assert.equal(isPreflight('OPTIONS', asking(APP)), true);
    assert.equal(isPreflight('GET', asking(APP)), false);
    assert.equal(isPreflight('OPTIONS', { origin: APP }), false);
    assert.equal(isPreflight('OPTIONS', { 'access-control-request-method': 'PUT' }), false);
  });

  it("grants the path's methods and the headers that are asked for", () => {
    assert.deepEqual(preflight(cors({ origins: [APP] }), asking(APP, 'content-type, x-a'), ['GET', 'PUT']), {
      'Access-Control-Allow-Origin': APP,
      'Access-Control-Allow-Methods': 'GET, PUT',
      'Access-Control-Allow-Headers': 'content-type, x-a',
      'Access-Control-Max-Age': '600',
      Vary: PREFLIGHT_VARY,
    });
  });

  it('grants the methods and headers of the policy alone', () => {
    const policy = cors({ origins: [APP], methods: ['GET'], headers: ['X-B'], credentials: true, maxAge: 5 });
    assert.deepEqual(preflight(policy, asking(APP, 'x-a'), ['GET', 'PUT']), {
      'Access-Control-Allow-Origin': APP,
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Allow-Methods': 'GET',
      'Access-Control-Allow-Headers': 'X-B',
      'Access-Control-Max-Age': '5',
      Vary: PREFLIGHT_VARY,
    });
  });

  it('grants no header where the policy has an empty list', () => {
    const answer = preflight(cors({ origins: [APP], headers: [] }), asking(APP, 'x-a'), ['GET']);
    assert.equal(answer['Access-Control-Allow-Headers'], undefined);
  });

  for (const other of [
    'https://other.example',
    'http://app.example',
    'https://app.example:8443',
    'HTTPS://app.example',
    'null',
    '',
    `${APP}.evil.example`,
  ])
    it(`grants nothing to the origin "${other}" [SEC-G20]`, () => {
      assert.deepEqual(preflight(cors({ origins: [APP] }), asking(other), ['GET']), { Vary: PREFLIGHT_VARY });
      assert.deepEqual(corsHeaders(cors({ origins: [APP] }), other), { Vary: 'Origin' });
    });

  it('never grants access to private networks [SEC-G20]', () => {
    const headers = { ...asking(APP), 'access-control-request-private-network': 'true' };
    const answer = preflight(cors({ origins: [APP] }), headers, ['GET']);
    assert.equal(answer['Access-Control-Allow-Private-Network'], undefined);
  });

  for (const asked of [
    'x-a\r\nx-b: c',
    'x a',
    ',',
    'x-a,',
    'x'.repeat(5000),
    Array(101).fill('x').join(','),
    '',
  ])
    it(`grants no header where ${JSON.stringify(asked.slice(0, 20))} is asked for`, () => {
      const answer = preflight(cors({ origins: [APP] }), asking(APP, asked), ['GET']);
      assert.equal(answer['Access-Control-Allow-Headers'], undefined);
    });

  it('answers * for every origin, and never with credentials [SEC-G20]', () => {
    const any = cors({ origins: ['*'], credentials: true });
    assert.deepEqual(corsHeaders(any, APP), { 'Access-Control-Allow-Origin': '*' });
  });

  it('gives answers the origin, what scripts may read, and Vary', () => {
    const policy = cors({ origins: [APP], exposeHeaders: ['X-Total', 'ETag'], credentials: true });
    assert.deepEqual(corsHeaders(policy, APP), {
      'Access-Control-Allow-Origin': APP,
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Expose-Headers': 'X-Total, ETag',
      Vary: 'Origin',
    });
  });

  it('says Vary to callers without an origin too, whose answer a cache may keep', () => {
    assert.deepEqual(corsHeaders(cors({ origins: [APP] }), undefined), { Vary: 'Origin' });
  });

  it('adds nothing without a policy', () => {
    assert.deepEqual(corsHeaders(undefined, APP), {});
  });

  it('adds each name to Vary once', () => {
    assert.equal(withVary(undefined, 'Origin'), 'Origin');
    assert.equal(withVary('Accept', 'Origin'), 'Accept, Origin');
    assert.equal(withVary('accept, ORIGIN', 'Origin'), 'accept, ORIGIN');
    assert.equal(withVary('*', 'Origin'), '*');
  });

  it('never names an origin that the policy does not name, whatever is sent [SEC-G20]', () => {
    const origin = fc.oneof(
      fc.string(),
      fc.webUrl(),
      fc.constantFrom(APP, 'null', '*', `${APP}/`, ` ${APP}`),
    );
    fc.assert(
      fc.property(origin, fc.string(), fc.boolean(), (sent, asked, credentials) => {
        const policy = cors({ origins: [APP, 'https://b.example'], credentials });
        for (const answer of [preflight(policy, asking(sent, asked), ['GET']), corsHeaders(policy, sent)]) {
          const granted = answer['Access-Control-Allow-Origin'];
          assert.equal(granted, sent === APP ? APP : undefined);
          if (granted === undefined) assert.equal(answer['Access-Control-Allow-Credentials'], undefined);
          for (const value of Object.values(answer)) assert.match(value, /^[\t\x20-\x7e]*$/);
        }
      }),
      { seed: SEED, numRuns: often({ short: 500, long: 20_000 }) },
    );
  });
});
