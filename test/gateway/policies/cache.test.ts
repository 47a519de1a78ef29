import assert from 'node:assert/strict';
import fc from 'fast-check';
import { openCache, type CachedCall } from '../../../src/gateway/policies/cache/index.js';
import type { Answer, Recorder } from '../../../src/gateway/plane/steps.js';
import { often, SEED } from '../../support/profile.js';

const STEP = { seconds: 60, maxBytes: 1000 };
type Headers = Record<string, string | string[]>;

/** A cache with a clock of its own, in front of a backend that is a function call. */
function openFixture(options: { maxBytes?: number } = {}) {
  let time = 1_800_000_000_000;
  const cache = openCache({ ...options, now: () => time });
  const scope = {};
  const callOf = (over: Partial<CachedCall>): CachedCall => ({
    method: 'GET',
    scope,
    uri: '/items',
    caller: 'anna',
    headers: {},
    hasBody: false,
    ...over,
  });
  const lookup = (over: Partial<CachedCall> = {}, step = STEP): Answer | 'miss' | 'passed on' => {
    const turn = cache.lookup(step, callOf(over));
    return turn ? ('answer' in turn ? turn.answer : 'miss') : 'passed on';
  };
  const begin = (over: Partial<CachedCall>, status: number, headers: Headers, step = STEP) => {
    const turn = cache.lookup(step, callOf(over));
    assert.ok(turn && 'store' in turn, 'the cache answers');
    return { conditions: turn.store.conditions, begun: turn.store.begin(status, headers) };
  };
  return {
    cache,
    scope,
    lookup,
    begin,
    wait: (seconds: number) => void (time += seconds * 1000),
    /** One whole answer of the backend; whether it is kept is asked by `lookup`. */
    fill(headers: Headers, body = 'hello', over: Partial<CachedCall> = {}, step = STEP): void {
      const { begun } = begin(over, 200, headers, step);
      if (!begun || !('write' in begun)) return;
      begun.write(Buffer.from(body));
      begun.end();
    },
    change(status: number, uri = '/items'): void {
      const turn = cache.changing({ scope, uri });
      assert.ok('store' in turn);
      assert.equal(turn.store.begin(status, {}), undefined);
    },
  };
}

const bodyOf = (answer: Answer | string): string =>
  typeof answer === 'string' ? answer : (answer.body ?? '').toString();
const headersOf = (answer: Answer | string): Record<string, string> => {
  assert.ok(typeof answer !== 'string', 'there is no answer');
  const pairs = answer.headers.flatMap((name, at) =>
    at % 2 === 0 ? [[name, answer.headers[at + 1] as string]] : [],
  );
  return Object.fromEntries(pairs) as Record<string, string>;
};

/** Which answers are kept, for the caller itself and for another one. */
const KEPT: [title: string, headers: Headers, own: boolean, others: boolean][] = [
  ['says nothing', {}, true, false],
  ['says max-age', { 'cache-control': 'max-age=10' }, true, false],
  ['says public', { 'cache-control': 'public' }, true, true],
  ['says PUBLIC', { 'cache-control': 'PUBLIC, Max-Age=10' }, true, true],
  ['says s-maxage', { 'cache-control': 's-maxage=10' }, true, true],
  ['says private', { 'cache-control': 'private, max-age=10' }, false, false],
  ['says Private for a header', { 'cache-control': 'Private="x-a", max-age=10' }, false, false],
  ['says no-store', { 'cache-control': 'no-store' }, false, false],
  ['says No-Store in a second line', { 'cache-control': ['public', 'No-Store'] }, false, false],
  ['says no-cache without a validator', { 'cache-control': 'no-cache' }, false, false],
  ['says max-age=0', { 'cache-control': 'max-age=0' }, false, false],
  ['says must-revalidate', { 'cache-control': 'max-age=10, must-revalidate' }, true, false],
  ['says that it expired', { expires: '0' }, false, false],
  [
    'says that it will expire',
    { date: 'Fri, 15 Jan 2027 08:00:00 GMT', expires: 'Fri, 15 Jan 2027 09:00:00 GMT' },
    true,
    false,
  ],
  ['says Pragma: no-cache', { pragma: 'no-cache' }, false, false],
  ['is older than it may be', { 'cache-control': 'max-age=10', age: '10' }, false, false],
  ['varies by everything', { vary: '*' }, false, false],
  ['varies by Authorization', { 'cache-control': 'public', vary: 'Authorization' }, true, false],
  ['has trailers', { trailer: 'x-sum' }, false, false],
  ['is longer than it may be', { 'content-length': '1001' }, false, false],
  ['has another length than it says', { 'content-length': '4' }, false, false],
];

describe('the cache', () => {
  for (const [title, headers, own, others] of KEPT)
    it(`keeps an answer that ${title} for ${others ? 'all' : own ? 'its caller' : 'nobody'}`, () => {
      const { fill, lookup } = openFixture();
      fill(headers);
      assert.equal(bodyOf(lookup()), own ? 'hello' : 'miss');
      assert.equal(bodyOf(lookup({ caller: 'ben' })), others ? 'hello' : 'miss');
    });

  for (const status of [201, 204, 206, 301, 304, 404, 500])
    it(`keeps no answer with status ${status}`, () => {
      const { begin } = openFixture();
      assert.equal(begin({}, status, { 'cache-control': 'public, max-age=9' }).begun, undefined);
    });

  it('gives an answer until it is as old as the backend allows', () => {
    const { fill, lookup, wait } = openFixture();
    fill({ 'cache-control': 'max-age=10' });
    wait(9);
    assert.equal(headersOf(lookup())['age'], '9');
    wait(1);
    assert.equal(lookup(), 'miss');
  });

  it('gives an answer no longer than the policy says', () => {
    const { fill, lookup, wait } = openFixture();
    fill({ 'cache-control': 'max-age=1000' });
    wait(59);
    assert.equal(bodyOf(lookup()), 'hello');
    wait(1);
    assert.equal(lookup(), 'miss');
  });

  it('keeps no cookies and no headers of the connection', () => {
    const { fill, lookup } = openFixture();
    fill({
      'content-type': 'text/plain',
      'set-cookie': ['a=b'],
      connection: 'X-Hop',
      'x-hop': '1',
      'keep-alive': '5',
      'transfer-encoding': 'chunked',
      'x-list': ['1', '2'],
    });
    const answer = lookup();
    assert.ok(typeof answer !== 'string');
    assert.deepEqual(answer.headers, [
      'content-type',
      'text/plain',
      'x-list',
      '1',
      'x-list',
      '2',
      'age',
      '0',
    ]);
  });

  it('answers HEAD by what GET got, and keeps nothing of HEAD', () => {
    const { fill, lookup } = openFixture();
    assert.equal(lookup({ method: 'HEAD' }), 'passed on');
    fill({});
    assert.equal(bodyOf(lookup({ method: 'HEAD' })), 'hello');
  });

  it('keeps an answer for each value of the headers that it depends on', () => {
    const { fill, lookup } = openFixture();
    fill({ vary: 'Accept-Language' }, 'hallo', { headers: { 'accept-language': 'de' } });
    fill({ vary: 'Accept-Language' }, 'hello', { headers: { 'accept-language': 'en' } });
    assert.equal(bodyOf(lookup({ headers: { 'accept-language': 'de' } })), 'hallo');
    assert.equal(bodyOf(lookup({ headers: { 'accept-language': 'en' } })), 'hello');
    assert.equal(lookup({ headers: { 'accept-language': 'fr' } }), 'miss');
    assert.equal(lookup(), 'miss');
  });

  const PASSED_ON: [string, Partial<CachedCall>][] = [
    ['of other methods', { method: 'POST' }],
    ['for a part', { headers: { range: 'bytes=0-1' } }],
    ['that ask for one state', { headers: { 'if-match': '"a"' } }],
    ['with a body', { hasBody: true }],
  ];
  for (const [title, over] of PASSED_ON)
    it(`leaves requests ${title} alone`, () => {
      const { fill, lookup } = openFixture();
      fill({});
      assert.equal(lookup(over), 'passed on');
    });

  for (const control of ['no-cache', 'No-Cache', 'max-age=0', 'min-fresh=100'])
    it(`asks the backend where the caller says ${control}`, () => {
      const { fill, lookup, wait } = openFixture();
      fill({});
      wait(1);
      assert.equal(lookup({ headers: { 'cache-control': control } }), 'miss');
    });

  it('keeps nothing where the caller says no-store', () => {
    const { fill, lookup } = openFixture();
    fill({}, 'hello', { headers: { 'cache-control': 'No-Store' } });
    assert.equal(lookup(), 'miss');
  });

  it('gives no stale answer, though the caller would take one', () => {
    const { fill, lookup, wait } = openFixture();
    fill({ 'cache-control': 'max-age=1, stale-while-revalidate=100' });
    wait(2);
    assert.equal(lookup({ headers: { 'cache-control': 'max-stale' } }), 'miss');
  });

  const KNOWN: [string, Record<string, string>, number][] = [
    ['its tag', { 'if-none-match': '"a"' }, 304],
    ['its tag as a weak one', { 'if-none-match': '"x", W/"a"' }, 304],
    ['any', { 'if-none-match': '*' }, 304],
    ['another tag', { 'if-none-match': '"b"' }, 200],
    ['its date', { 'if-modified-since': 'Fri, 01 Jan 2027 00:00:00 GMT' }, 304],
    ['an older date', { 'if-modified-since': 'Thu, 31 Dec 2026 23:59:59 GMT' }, 200],
    [
      'another tag and its date',
      { 'if-none-match': '"b"', 'if-modified-since': 'Fri, 01 Jan 2027 00:00:00 GMT' },
      200,
    ],
  ];
  for (const [title, headers, status] of KNOWN)
    it(`answers ${status} to a caller that has ${title}`, () => {
      const { fill, lookup } = openFixture();
      fill({ etag: '"a"', 'last-modified': 'Fri, 01 Jan 2027 00:00:00 GMT', 'content-type': 'text/plain' });
      const answer = lookup({ headers });
      assert.ok(typeof answer !== 'string');
      assert.equal(answer.status, status);
      assert.equal(headersOf(answer)['content-type'], status === 304 ? undefined : 'text/plain');
    });

  it('has the backend confirm an answer that is too old', () => {
    const { fill, begin, lookup, wait } = openFixture();
    fill({ 'cache-control': 'max-age=10', etag: '"a"', 'x-a': 'old' });
    wait(11);
    const { conditions, begun } = begin({ headers: { 'if-none-match': '"mine"' } }, 304, {
      etag: '"a"',
      'x-a': 'new',
      'cache-control': 'max-age=20',
    });
    assert.deepEqual(conditions, ['If-None-Match', '"a"']);
    assert.ok(begun && 'status' in begun);
    assert.equal(begun.status, 200);
    assert.equal(String(begun.body), 'hello');
    wait(19);
    assert.equal(headersOf(lookup())['x-a'], 'new');
    assert.equal(headersOf(lookup())['age'], '19');
  });

  it('asks the backend each time where it says no-cache', () => {
    const { fill, begin } = openFixture();
    fill({ 'cache-control': 'no-cache', etag: '"a"' });
    const { conditions } = begin({}, 200, {});
    assert.deepEqual(conditions, ['If-None-Match', '"a"']);
  });

  it('replaces an answer that the backend does not confirm', () => {
    const { fill, lookup, wait } = openFixture();
    fill({ 'cache-control': 'max-age=10', etag: '"a"' });
    wait(11);
    fill({ 'cache-control': 'max-age=10', etag: '"b"' }, 'changed');
    assert.equal(bodyOf(lookup()), 'changed');
  });

  it('drops an answer that the backend confirms, but calls private', () => {
    const { fill, begin, lookup, wait } = openFixture();
    fill({ 'cache-control': 'max-age=10', etag: '"a"' });
    wait(11);
    const { begun } = begin({}, 304, { 'cache-control': 'private' });
    assert.ok(begun && 'status' in begun);
    assert.equal(lookup(), 'miss');
  });

  for (const [status, dropped] of [
    [200, true],
    [204, true],
    [303, true],
    [400, false],
    [500, false],
  ] as const)
    it(`${dropped ? 'drops' : 'keeps'} all answers of an address after a change that is answered ${status}`, () => {
      const { fill, lookup, change } = openFixture();
      fill({});
      fill({}, 'hello', { caller: 'ben' });
      fill({ 'cache-control': 'public' }, 'hello', { caller: 'eve' });
      change(status);
      for (const caller of ['anna', 'ben', 'eve'])
        assert.equal(bodyOf(lookup({ caller })), dropped ? 'miss' : 'hello');
    });

  it('keeps the answers of other addresses after a change', () => {
    const { fill, lookup, change } = openFixture();
    fill({});
    change(200, '/items/1');
    assert.equal(bodyOf(lookup()), 'hello');
  });

  it('keeps no answer that was on its way when its address changed', () => {
    const { begin, change, lookup } = openFixture();
    const { begun } = begin({}, 200, {});
    change(200);
    (begun as Recorder).write(Buffer.from('old'));
    (begun as Recorder).end();
    assert.equal(lookup(), 'miss');
  });

  it('keeps nothing that broke off', () => {
    const { begin, lookup } = openFixture();
    const { begun } = begin({}, 200, {});
    (begun as Recorder).write(Buffer.from('hel'));
    (begun as Recorder).abort();
    (begun as Recorder).end();
    assert.equal(lookup(), 'miss');
  });

  it('keeps nothing that grows too long', () => {
    const { fill, lookup } = openFixture();
    fill({}, 'x'.repeat(1001));
    assert.equal(lookup(), 'miss');
    fill({}, 'x'.repeat(1000));
    assert.equal(bodyOf(lookup()).length, 1000);
  });

  it('drops what was not used for the longest time where there is no room', () => {
    const { fill, lookup } = openFixture({ maxBytes: 4000 });
    for (const uri of ['/1', '/2', '/3']) fill({}, 'x'.repeat(900), { uri });
    assert.equal(lookup({ uri: '/1' }), 'miss');
    assert.equal(bodyOf(lookup({ uri: '/3' })).length, 900);
  });

  it('keeps revisions apart [SEC-G19]', () => {
    const { fill, lookup } = openFixture();
    fill({ 'cache-control': 'public' });
    assert.equal(lookup({ scope: {} }), 'miss');
  });

  it('gives no answer to another caller or address unless the backend says so, whatever they are called [SEC-G19]', () => {
    const name = fc.string({ minLength: 1 });
    const control = fc.constantFrom(
      '',
      'max-age=9',
      'public',
      's-maxage=9',
      'private',
      'must-revalidate',
      'no-cache=public',
    );
    fc.assert(
      fc.property(name, name, name, name, control, (caller, other, uri, otherUri, said) => {
        const { fill, lookup } = openFixture();
        fill(said === '' ? {} : { 'cache-control': said }, 'secret', { caller, uri });
        const isShared = said === 'public' || said === 's-maxage=9';
        if (other !== caller)
          assert.equal(bodyOf(lookup({ caller: other, uri })), isShared ? 'secret' : 'miss');
        if (otherUri !== uri) assert.equal(lookup({ caller, uri: otherUri }), 'miss');
      }),
      { seed: SEED, numRuns: often({ short: 300, long: 10_000 }) },
    );
  });
});
