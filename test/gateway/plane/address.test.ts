import { deepEqual, equal } from 'node:assert/strict';
import { placeOf, readTarget } from '../../../src/gateway/plane/address.js';
import { valuesOf, withValue, without } from '../../../src/gateway/plane/query.js';
import type { LiveApi } from '../../../src/gateway/types.js';
import { apiOf, documentOf, revisionOf, versionOf } from './support.js';

const document = documentOf('GET /items');
const at = (number: number): ReturnType<typeof revisionOf> =>
  revisionOf('http://127.0.0.1:1', document, { number });
const first = versionOf('', at(1), at(3));
const second = versionOf('v2', at(1), at(2));
const byPath = apiOf(first, second);
const byHeader: LiveApi = { ...byPath, scheme: { in: 'header', name: 'Api-Version' } };
const byQuery: LiveApi = { ...byPath, scheme: { in: 'query', name: 'v' } };

/** Version, revision, path and query of an address; undefined where nothing is there. */
function placed(
  api: LiveApi,
  url: string,
  headers: Record<string, string | string[]> = {},
): [version: string, revision: number, path: string, query: string | undefined] | undefined {
  const target = readTarget(`/gateway/${url}`);
  const place = target && placeOf(api, target, headers);
  return place && [place.version.name, place.revision.number, place.path, place.query];
}

describe('addresses of the data plane', () => {
  for (const [url, expected] of [
    ['orders/items', ['', 1, '/items', undefined]],
    ['orders/items?a=1?b', ['', 1, '/items', 'a=1?b']],
    ['orders', ['', 1, '', undefined]],
    ['orders/', ['', 1, '/', undefined]],
    ['orders?', ['', 1, '', '']],
    ['orders/v2/items', ['v2', 1, '/items', undefined]],
    ['orders/v2', ['v2', 1, '', undefined]],
    ['orders/v2/', ['v2', 1, '/', undefined]],
    ['orders/V2/items', ['', 1, '/V2/items', undefined]],
    ['orders/v22/items', ['', 1, '/v22/items', undefined]],
    ['orders/v%32/items', ['', 1, '/v%32/items', undefined]],
    ['orders//v2/items', ['', 1, '//v2/items', undefined]],
    ['orders;rev=3/items', ['', 3, '/items', undefined]],
    ['orders;rev=3', ['', 3, '', undefined]],
    ['orders;rev=3/v2/items', ['', 3, '/v2/items', undefined]],
    ['orders/v2;rev=2/items', ['v2', 2, '/items', undefined]],
    ['orders/v2;rev=3/items', undefined],
    ['orders;rev=2/items', undefined],
    ['orders;rev=/items', undefined],
    ['orders;rev=x/items', undefined],
    ['orders;rev=03/items', undefined],
    ['orders;rev=+3/items', undefined],
    ['orders;rev=3;rev=1/items', undefined],
    ['orders;rev=99999999999999999999/items', undefined],
    ['orders/v2;rev=x/items', undefined],
    ['orders/items;rev=3', ['', 1, '/items;rev=3', undefined]],
    ['orders/v2/items;rev=2', ['v2', 1, '/items;rev=2', undefined]],
  ] as const)
    it(`finds ${url}`, () => deepEqual(placed(byPath, url), expected));

  for (const [value, expected] of [
    [undefined, ['', 1, '/v2/items', undefined]],
    ['', ['', 1, '/v2/items', undefined]],
    ['v2', ['v2', 1, '/v2/items', undefined]],
    ['v3', undefined],
    ['v2, v2', undefined],
  ] as const)
    it(`finds the version by a header: ${value}`, () =>
      deepEqual(
        placed(byHeader, 'orders/v2/items', value === undefined ? {} : { 'api-version': value }),
        expected,
      ));

  it('finds a revision of the version that a header names', () =>
    deepEqual(placed(byHeader, 'orders;rev=2/items', { 'api-version': 'v2' }), [
      'v2',
      2,
      '/items',
      undefined,
    ]));

  for (const [query, expected] of [
    ['', ['', 1, '/items', '']],
    ['v=', ['', 1, '/items', undefined]],
    ['v=v2', ['v2', 1, '/items', undefined]],
    ['a=%20&v=v2&b', ['v2', 1, '/items', 'a=%20&b']],
    ['%76=v%32&a=1', ['v2', 1, '/items', 'a=1']],
    ['v=v3', undefined],
    ['v=v2&v=v3', undefined],
    ['V=v2', ['', 1, '/items', 'V=v2']],
  ] as const)
    it(`finds the version by a query: ${query}`, () =>
      deepEqual(placed(byQuery, `orders/items?${query}`), expected));

  it('takes no address that is longer than 8 KiB', () => {
    equal(readTarget(`/gateway/${'x'.repeat(8192)}`), undefined);
  });
});

describe('queries of the data plane', () => {
  it('reads the values of a name in any spelling', () => {
    deepEqual(valuesOf('a=1&%61=%20x&a&b=2&a=+', 'a'), ['1', ' x', '', ' ']);
    deepEqual(valuesOf(undefined, 'a'), []);
  });

  it('leaves all other bytes where it takes a name out', () => {
    equal(without('a=1&&b=%zz&c&a', 'a'), '&b=%zz&c');
    equal(without('a=1', 'a'), undefined);
    equal(without('ab=1', 'a'), 'ab=1');
  });

  it('sets a value in place of all of its name', () => {
    equal(withValue('a=1&b=2&a=3', 'a', 'x y&z'), 'a=x%20y%26z&b=2');
    equal(withValue('b=2', 'a', '1'), 'b=2&a=1');
    equal(withValue(undefined, 'a', ''), 'a=');
  });
});
