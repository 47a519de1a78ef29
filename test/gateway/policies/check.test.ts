import assert from 'node:assert/strict';
import { checkPolicy } from '../../../src/gateway/policies/index.js';
import { ITEMS } from './support.js';

const KEYS =
  'rateLimit, quota, cors, ipFilter, setHeader, rewrite, timeout, retry, circuitBreaker, cache, requireScopes, validateRequest, mock';

const problemsOf = (policy: unknown): [string, string][] =>
  checkPolicy(policy, ITEMS).map(({ field, rule }) => [field, rule]);

const FULL = {
  rateLimit: { calls: 100, seconds: 60, by: 'user' },
  quota: { calls: 1000, period: 'month', timeZone: 'Europe/Berlin', by: 'key' },
  cors: {
    origins: ['https://app.example.com', 'http://localhost:3000', 'capacitor://localhost'],
    methods: ['GET', 'POST'],
    headers: ['X-Trace'],
    exposeHeaders: ['X-Total'],
    credentials: true,
    maxAge: 0,
  },
  ipFilter: { allow: ['10.0.0.0/8', '2001:db8::/32', '::ffff:10.0.0.0/104'], deny: ['10.1.2.3'] },
  setHeader: { request: { 'X-Channel': 'partner', Authorization: null }, response: { Server: null } },
  rewrite: { prefix: '/v3/a%20b', query: { source: 'a b', debug: null } },
  timeout: { seconds: 5, idleSeconds: 60 },
  retry: { attempts: 5, on: [502, 504], backoffMs: 0 },
  circuitBreaker: { failures: 3, openSeconds: 10 },
  cache: { seconds: 60, maxBytes: 1000 },
  requireScopes: { scopes: ['items.read'], permissions: ['items'] },
  validateRequest: { body: true, query: false, headers: true, maxBytes: 1000 },
  mock: { status: 200 },
  operations: {
    readItem: { rewrite: { path: '/records/{id}.json' }, mock: {} },
    'DELETE /items/{id}': { rateLimit: { calls: 1, seconds: 1 } },
  },
};

/** Each is refused with these fields and rules. */
const REFUSED: [title: string, policy: unknown, ...problems: [string, string][]][] = [
  ['no object', 'fast', ['policy', 'type']],
  ['null', null, ['policy', 'type']],
  ['an unknown key', { ratelimit: {} }, ['policy/ratelimit', 'unknown']],
  ['an unknown key of a step', { mock: { state: 1 } }, ['policy/mock/state', 'unknown']],
  ['a key of the prototype', JSON.parse('{"__proto__": {}}'), ['policy/__proto__', 'unknown']],
  ['a step without what it needs', { rateLimit: { calls: 1 } }, ['policy/rateLimit/seconds', 'required']],
  ['no calls', { rateLimit: { calls: 0, seconds: 1 } }, ['policy/rateLimit/calls', 'minimum']],
  [
    'a window over an hour',
    { rateLimit: { calls: 1, seconds: 3601 } },
    ['policy/rateLimit/seconds', 'maximum'],
  ],
  [
    'half a call',
    { quota: { calls: 0.5, period: 'day' } },
    ['policy/quota/calls', 'type'],
    ['policy/quota/calls', 'minimum'],
  ],
  ['an unknown period', { quota: { calls: 1, period: 'year' } }, ['policy/quota/period', 'enum']],
  ['an unknown counter', { quota: { calls: 1, period: 'day', by: 'ip' } }, ['policy/quota/by', 'enum']],
  [
    'an unknown time zone',
    { quota: { calls: 1, period: 'day', timeZone: 'Europe/Bielefeld' } },
    ['policy/quota/timeZone', 'timeZone'],
  ],
  [
    'an offset as a time zone',
    { quota: { calls: 1, period: 'day', timeZone: '+01:00' } },
    ['policy/quota/timeZone', 'pattern'],
  ],
  ['cors without origins', { cors: { credentials: true } }, ['policy/cors/origins', 'required']],
  [
    'required scopes without their list',
    { requireScopes: { permissions: ['items'] } },
    ['policy/requireScopes/scopes', 'required'],
  ],
  ['an empty list of origins', { cors: { origins: [] } }, ['policy/cors/origins', 'minItems']],
  [
    'every origin with credentials',
    { cors: { origins: ['*'], credentials: true } },
    ['policy/cors/credentials', 'origin'],
  ],
  [
    'every origin among others',
    { cors: { origins: ['*', 'https://a.example'] } },
    ['policy/cors/origins/0', 'origin'],
  ],
  [
    'an origin with a path',
    { cors: { origins: ['https://a.example/'] } },
    ['policy/cors/origins/0', 'origin'],
  ],
  [
    'an origin with its usual port',
    { cors: { origins: ['https://a.example:443'] } },
    ['policy/cors/origins/0', 'origin'],
  ],
  [
    'an origin in upper case',
    { cors: { origins: ['https://A.example'] } },
    ['policy/cors/origins/0', 'origin'],
  ],
  [
    'an origin with a user',
    { cors: { origins: ['https://u@a.example'] } },
    ['policy/cors/origins/0', 'origin'],
  ],
  [
    'an origin with a wildcard',
    { cors: { origins: ['https://*.example'] } },
    ['policy/cors/origins/0', 'origin'],
  ],
  ['the origin null', { cors: { origins: ['null'] } }, ['policy/cors/origins/0', 'origin']],
  ['a host without a scheme', { cors: { origins: ['a.example'] } }, ['policy/cors/origins/0', 'origin']],
  [
    'a method that is no word',
    { cors: { origins: ['*'], methods: ['get '] } },
    ['policy/cors/methods/0', 'pattern'],
  ],
  [
    'a header that is no token',
    { cors: { origins: ['*'], headers: ['a b'] } },
    ['policy/cors/headers/0', 'pattern'],
  ],
  [
    'all headers exposed with credentials',
    { cors: { origins: ['https://a.example'], credentials: true, exposeHeaders: ['*'] } },
    ['policy/cors/exposeHeaders', 'header'],
  ],
  [
    'a network that is too long',
    { ipFilter: { allow: ['10.0.0.0/33'] } },
    ['policy/ipFilter/allow/0', 'cidr'],
  ],
  [
    'an address with a zone',
    { ipFilter: { deny: ['1.1.1.1', 'fe80::1%eth0'] } },
    ['policy/ipFilter/deny/1', 'cidr'],
  ],
  ['a name as an address', { ipFilter: { allow: ['localhost'] } }, ['policy/ipFilter/allow/0', 'cidr']],
  [
    'a header with a line break',
    { setHeader: { request: { 'X-A': 'a\r\nX-B: b' } } },
    ['policy/setHeader/request/X-A', 'pattern'],
  ],
  [
    'a header with a null byte',
    { setHeader: { request: { 'X-A': 'a\0' } } },
    ['policy/setHeader/request/X-A', 'pattern'],
  ],
  [
    'a header that is no text',
    { setHeader: { request: { 'X-A': 1 } } },
    ['policy/setHeader/request/X-A', 'type'],
  ],
  [
    'a header name with a colon',
    { setHeader: { request: { 'X:A': 'a' } } },
    ['policy/setHeader/request/X:A', 'pattern'],
  ],
  [
    'a header name with a slash',
    { setHeader: { request: { 'X/A': 'a' } } },
    ['policy/setHeader/request/X~1A', 'pattern'],
  ],
  [
    'a header twice',
    { setHeader: { request: { 'X-A': 'a', 'x-a': 'b' } } },
    ['policy/setHeader/request/x-a', 'header'],
  ],
  ['a prefix without a slash', { rewrite: { prefix: 'v3' } }, ['policy/rewrite/prefix', 'pattern']],
  ['a prefix with a slash behind it', { rewrite: { prefix: '/v3/' } }, ['policy/rewrite/prefix', 'pattern']],
  ['a prefix with a query', { rewrite: { prefix: '/v3?a=b' } }, ['policy/rewrite/prefix', 'pattern']],
  ['a prefix that goes up', { rewrite: { prefix: '/v3/..' } }, ['policy/rewrite/prefix', 'path']],
  ['a prefix that goes up encoded', { rewrite: { prefix: '/v3/%2e%2E' } }, ['policy/rewrite/prefix', 'path']],
  [
    'a prefix that goes up behind a backslash',
    { rewrite: { prefix: '/a%5C..%5Cb' } },
    ['policy/rewrite/prefix', 'path'],
  ],
  ['a path for all operations', { rewrite: { path: '/x' } }, ['policy/rewrite/path', 'unknown']],
  ['six tries', { retry: { attempts: 6 } }, ['policy/retry/attempts', 'maximum']],
  ['a retry after 500', { retry: { attempts: 1, on: [500] } }, ['policy/retry/on/0', 'enum']],
  ['a cache without seconds', { cache: {} }, ['policy/cache/seconds', 'required']],
  ['a cache of a gigabyte', { cache: { seconds: 1, maxBytes: 1e9 } }, ['policy/cache/maxBytes', 'maximum']],
  [
    'a scope with a blank',
    { requireScopes: { scopes: ['a b'] } },
    ['policy/requireScopes/scopes/0', 'pattern'],
  ],
  [
    'a body of a gigabyte',
    { validateRequest: { maxBytes: 1e9 } },
    ['policy/validateRequest/maxBytes', 'maximum'],
  ],
  ['an informational mock', { mock: { status: 101 } }, ['policy/mock/status', 'minimum']],
  ['an unknown operation', { operations: { nothing: {} } }, ['policy/operations/nothing', 'operation']],
  [
    'an operation in another case',
    { operations: { 'get /items': {} } },
    ['policy/operations/get ~1items', 'operation'],
  ],
  [
    'an operation of the prototype',
    { operations: { constructor: {} } },
    ['policy/operations/constructor', 'operation'],
  ],
  [
    'an operation by two names',
    { operations: { readItem: {}, 'GET /items/{id}': {} } },
    ['policy/operations/GET ~1items~1{id}', 'operation'],
  ],
  [
    'a step of an operation',
    { operations: { readItem: { cors: { origins: ['x'] } } } },
    ['policy/operations/readItem/cors/origins/0', 'origin'],
  ],
  [
    'operations in operations',
    { operations: { readItem: { operations: {} } } },
    ['policy/operations/readItem/operations', 'unknown'],
  ],
  [
    'a path with an unknown name',
    { operations: { readItem: { rewrite: { path: '/x/{key}' } } } },
    ['policy/operations/readItem/rewrite/path', 'template'],
  ],
  [
    'a path with an open brace',
    { operations: { readItem: { rewrite: { path: '/x/{id' } } } },
    ['policy/operations/readItem/rewrite/path', 'pattern'],
  ],
  [
    'a path that goes up',
    { operations: { readItem: { rewrite: { path: '/{id}/../x' } } } },
    ['policy/operations/readItem/rewrite/path', 'path'],
  ],
];

const OF_CONNECTION = [
  'Connection',
  'keep-alive',
  'Proxy-Connection',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
];
const NEVER = [...OF_CONNECTION, 'Proxy-Authorization', 'Content-Length', 'Expect', 'HTTP2-Settings'].concat(
  [
    'Host',
    'Forwarded',
    'X-Forwarded-For',
    'x-forwarded-anything',
    'X-Real-IP',
    'Gatehouse-Caller',
    'GATEHOUSE-X',
  ],
  ['Via', 'X-Request-Id', 'traceparent', 'tracestate'],
);
const NEVER_IN_ANSWERS = [
  'Set-Cookie',
  'Clear-Site-Data',
  'Service-Worker-Allowed',
  'Strict-Transport-Security',
].concat([
  'Alt-Svc',
  'Content-Security-Policy',
  'X-Content-Type-Options',
  'NEL',
  'Access-Control-Allow-Origin',
]);

describe('the check of a policy', () => {
  it('takes a policy with every step', () => {
    assert.deepEqual(checkPolicy(FULL, ITEMS), []);
  });

  it('takes an empty policy', () => {
    assert.deepEqual(checkPolicy({}, ITEMS), []);
  });

  it('leaves the policy as it is, without defaults', () => {
    const policy = { quota: { calls: 1, period: 'day' } };
    checkPolicy(policy, ITEMS);
    assert.deepEqual(policy, { quota: { calls: 1, period: 'day' } });
  });

  for (const [title, policy, ...problems] of REFUSED)
    it(`refuses ${title} [SEC-G22]`, () => assert.deepEqual(problemsOf(policy), problems));

  for (const name of NEVER) {
    it(`refuses to set ${name} in requests [SEC-G22]`, () =>
      assert.deepEqual(problemsOf({ setHeader: { request: { [name]: 'x' } } }), [
        [`policy/setHeader/request/${name}`, 'header'],
      ]));
    it(`refuses to remove ${name} from answers [SEC-G22]`, () =>
      assert.deepEqual(problemsOf({ setHeader: { response: { [name]: null } } }), [
        [`policy/setHeader/response/${name}`, 'header'],
      ]));
  }

  for (const name of ['Cookie', 'Ocp-Apim-Subscription-Key', 'Proxy'])
    it(`refuses to set ${name} in requests, because it does not go to backends`, () =>
      assert.deepEqual(problemsOf({ setHeader: { request: { [name]: 'x' } } }), [
        [`policy/setHeader/request/${name}`, 'header'],
      ]));

  for (const name of NEVER_IN_ANSWERS)
    it(`refuses to set ${name} in answers [SEC-G7]`, () =>
      assert.deepEqual(problemsOf({ setHeader: { response: { [name]: 'x' } } }), [
        [`policy/setHeader/response/${name}`, 'header'],
      ]));

  it('refuses a policy that is too long', () => {
    const operations = Object.fromEntries(
      Array.from({ length: 300 }, (_, at) => [`${at}${'x'.repeat(1000)}`, {}]),
    );
    assert.deepEqual(problemsOf({ operations }), [['policy', 'maxLength']]);
  });

  it('names at most 50 problems', () => {
    const operations = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`o${at}`, {}]));
    assert.equal(problemsOf({ operations }).length, 50);
  });

  const said = (policy: unknown): string | undefined => checkPolicy(policy, ITEMS)[0]?.message;

  it('says what to write', () => {
    assert.equal(
      said({ ratelimit: {} }),
      `is not known here; take it out, or write one of ${KEYS}, operations`,
    );
    assert.equal(
      said({ operations: { readItem: { ratelimit: {} } } }),
      `is not known here; take it out, or write one of ${KEYS}`,
    );
    assert.equal(said({ mock: { state: 1 } }), 'is not known here; take it out, or write one of status');
    assert.equal(said({ rewrite: { prefix: 'v3' } }), 'must be of the form of "/v3"');
    assert.equal(said({ rewrite: { path: '/x' } }), 'belongs to one operation; move it into operations');
    assert.equal(said({ quota: { calls: 1, period: 'year' } }), 'must be one of hour, day, week, month');
    assert.equal(
      said({ cors: { origins: ['https://A.example:443'] } }),
      'is not as browsers send it; write "https://a.example"',
    );
    assert.equal(
      said({ operations: { 'get /items': {} } }),
      'is no operation of the document; write "GET /items"',
    );
    assert.equal(
      said({ operations: { readItem: { rewrite: { path: '/{key}' } } } }),
      'has {key}, which /items/{id} does not have; use {id}',
    );
    assert.equal(
      said({ setHeader: { request: { Host: 'x' } } }),
      'is a header by which the gateway says who calls, and from where; take it out',
    );
  });
});
