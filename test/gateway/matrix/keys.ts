import type { Said } from '../../support/http.js';
import { call, clientToken } from '../../support/management.js';
import { until } from '../../support/raw.js';
import { ITEM } from './documents.js';
import type { Keys, Matrix } from './servers.js';

const KEY = 'ocp-apim-subscription-key';

/** A call with a product key in the header. */
export const keyed = (key: string): Said => ({ headers: { [KEY]: key } });

/**
 * APIs in products, each with one open operation: `keyed` in one that asks for a key, `elsewhere` in another one, `free` in
 * `keyed`'s and in one that asks for none, `shelved` in one that is not published.
 */
export interface Keyed {
  product: string;
  keys: Record<'own' | 'other' | 'suspended' | 'expired' | 'shelved' | 'abroad', Keys>;
}

type Base = Omit<Matrix, 'keyed'>;

export async function openKeyed(matrix: Base): Promise<Keyed> {
  const document = { document: ITEM };
  const [own, elsewhere, free, shelved] = [
    await matrix.publish('keyed', document),
    await matrix.publish('elsewhere', document),
    await matrix.publish('free', document),
    await matrix.publish('shelved', document),
  ];
  const product = await matrix.product([own, free]);
  const others = await matrix.product([elsewhere]);
  await matrix.product([free], { subscriptionRequired: false });
  const unpublished = await matrix.product([own, shelved], { state: 'notPublished' });
  const suspended = await matrix.keys(product);
  await matrix.manage('PUT', `/Gateway/Products/${product}/Keys/${suspended.id}`, { state: 'suspended' });
  const end = Date.now() + 200;
  const expired = await matrix.keys(product, { expiresAt: new Date(end).toISOString() });
  const keys = {
    own: await matrix.keys(product),
    other: await matrix.keys(others),
    shelved: await matrix.keys(unpublished),
    abroad: await keysAbroad(matrix),
    suspended,
    expired,
  };
  await until(() => Date.now() > end);
  return { product, keys };
}

/** Keys of a product of the other tenant. */
async function keysAbroad({ server, abroad: { tenant } }: Base): Promise<Keys> {
  const token = await clientToken(server, ['isms.all'], tenant);
  const post = async (path: string, json: object): Promise<Record<string, unknown>> =>
    (await call(server, { method: 'POST', path: `/api/Gateway/Products${path}`, token, json, tenant })).data;
  const { id } = await post('', { name: 'Abroad' });
  return (await post(`/${String(id)}/Keys`, { name: 'shop' })) as unknown as Keys;
}

const NO_KEY = '401 product-key SubscriptionKey';
type Named = Keyed['keys'];

/** Where the API is called, and with which keys. */
export const KEY_ROWS: readonly [
  title: string,
  path: (keys: Named) => string,
  said: (keys: Named) => Said,
  outcome: string,
][] = [
  ['none', () => 'keyed/item', () => ({}), NO_KEY],
  ['an empty one', () => 'keyed/item', () => keyed(''), NO_KEY],
  ['an unknown one', () => 'keyed/item', () => keyed('unknown'), NO_KEY],
  ['one that is too long', () => 'keyed/item', () => keyed('a'.repeat(129)), NO_KEY],
  [
    'one twice in a header',
    () => 'keyed/item',
    ({ own }) => keyed(`${own.primaryKey} ${own.primaryKey}`),
    NO_KEY,
  ],
  ['one of another tenant', () => 'keyed/item', ({ abroad }) => keyed(abroad.primaryKey), NO_KEY],
  ['the first one', () => 'keyed/item', ({ own }) => keyed(own.primaryKey), '200'],
  ['the second one', () => 'keyed/item', ({ own }) => keyed(own.secondaryKey), '200'],
  ['one in the query', ({ own }) => `keyed/item?subscription-key=${own.primaryKey}`, () => ({}), '200'],
  [
    'one in the query, spelled in another way',
    ({ own }) => `keyed/item?x=1&subscription%2Dkey=${own.secondaryKey}`,
    () => ({}),
    '200',
  ],
  [
    'the same one in header and query',
    ({ own }) => `keyed/item?subscription-key=${own.primaryKey}`,
    ({ own }) => keyed(own.primaryKey),
    '200',
  ],
  [
    'one in the header and another in the query',
    ({ own }) => `keyed/item?subscription-key=${own.secondaryKey}`,
    ({ own }) => keyed(own.primaryKey),
    NO_KEY,
  ],
  ['one of another product', () => 'keyed/item', ({ other }) => keyed(other.primaryKey), '403 product'],
  ['that one at its own API', () => 'elsewhere/item', ({ other }) => keyed(other.primaryKey), '200'],
  [
    'one that is suspended',
    () => 'keyed/item',
    ({ suspended }) => keyed(suspended.primaryKey),
    '403 product',
  ],
  ['one that has expired', () => 'keyed/item', ({ expired }) => keyed(expired.secondaryKey), '403 product'],
  [
    'one of a product that is not published',
    () => 'keyed/item',
    ({ shelved }) => keyed(shelved.primaryKey),
    '403 product',
  ],
  ['none, where the only product is not published', () => 'shelved/item', () => ({}), '200'],
  ['none, where one of the products asks for none', () => 'free/item', () => ({}), '200'],
  ['a bad one, where one of the products asks for none', () => 'free/item', () => keyed('unknown'), '200'],
  [
    'one, where one of the products asks for none',
    () => 'free/item',
    ({ own }) => keyed(own.primaryKey),
    '200',
  ],
  ['none, where the API is in no product', () => 'orders/open', () => ({}), '200'],
  [
    'one, and a bad token',
    () => 'keyed/item',
    ({ own }) => ({ headers: { [KEY]: own.primaryKey, authorization: 'Bearer x.y.z' } }),
    '401 token Bearer error="invalid_token"',
  ],
];
